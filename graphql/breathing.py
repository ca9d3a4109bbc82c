"""Long work in pieces: an answer of thousands of fields must not keep every other request waiting while it is put together.

Lists are completed item by item, and between two items the event loop gets its turn when it has not had one for `SLICE`: whoever else waits, waits no longer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from graphql import is_leaf_type
from graphql.type import get_named_type
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

SLICE: Final = 0.01
"""Seconds of work in one piece."""
_SHORT: Final = 16
"""Items that are completed in one piece."""


class Breath:
    """When a loop had its last turn, as far as anybody asked. One for all requests of the loop."""

    def __init__(self) -> None:
        self._fresh = 0.0
        self._asked = False

    @property
    def is_due(self) -> bool:
        """Whether the loop should get a turn now."""
        return time.perf_counter() - self._fresh > SLICE

    async def take(self) -> None:
        """Give the loop a turn, if one is due."""
        while self.is_due:
            if not self._asked:
                self._asked = True
                asyncio.get_running_loop().call_soon(self._freshen)
            await asyncio.sleep(0)

    def _freshen(self) -> None:
        self._fresh, self._asked = time.perf_counter(), False


class BreathingExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes as graphql-core does, but for long lists."""

    def complete_list_value(
        self, return_type: Any, field_details_list: Any, info: Any, path: Any, result: Any, position_context: Any
    ) -> Any:
        """Complete a list: a short one at once, a long one in pieces."""
        breath: Breath | None = getattr(self.context_value, "breath", None)
        is_work = isinstance(result, list | tuple) and not is_leaf_type(get_named_type(return_type))
        if breath and is_work and (len(result) > _SHORT or breath.is_due):
            result = _in_pieces(result, breath)
        return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)


async def _in_pieces(items: Sequence[Any], breath: Breath) -> AsyncIterator[Any]:
    for item in items:
        await breath.take()
        yield item
