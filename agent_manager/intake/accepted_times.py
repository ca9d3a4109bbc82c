"""Which times are accepted now, and that the log has room for them: partitions are made ahead while the process runs."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final, NoReturn

from aetherius.agent_manager.context import Context
from aetherius.agent_manager.intake.admission import Window
from aetherius.runtime.steady import steadily

_INTERVAL: Final = 600.0
"""Seconds between looks: the partitions reach weeks ahead, and an archive's edge that moved meanwhile is noticed when an event before it is to be stored."""


class AcceptedTimes:
    """The window of one replica."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._archive_edge: datetime | None = None

    def window(self) -> Window:
        """The times that are accepted now."""
        context = self._context
        return Window.around(
            context.now(), context.settings.accept_age, context.settings.accept_ahead, self._archive_edge
        )

    async def look(self) -> None:
        """Make the partitions of the next weeks, and ask where the archive's edge is. Raises ``LogUnavailableError``."""
        log = self._context.log
        await self._context.blocking(log.make_partitions, self._context.settings.partition_days)
        self._archive_edge = await self._context.blocking(log.archive_edge)

    async def run(self) -> NoReturn:
        """Look again and again, for ever."""
        await steadily("making partitions", self._step)

    async def _step(self) -> None:
        await self.look()
        await asyncio.sleep(_INTERVAL)
