"""The live feed of the API: the process's fan-out (`readers/fan_out.py`), with a limit of followers, and errors that a client understands."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from uuid import UUID

import anyio.to_thread

from aetherius.access.errors import StoppingError
from aetherius.domain.event import Recorded
from aetherius.event_store.log import Log
from aetherius.event_store.reading.filtered import wanted
from aetherius.event_store.subscription import LogSignal
from aetherius.graphql.errors import TooManySubscriptionsError
from aetherius.graphql.heard import heard
from aetherius.readers.errors import FanOutClosedError
from aetherius.readers.fan_out import Batch, FanOut


class Feed:
    """Follows the log while anybody follows it. `run` is a task of the process."""

    def __init__(self, log: Log, signal: LogSignal, *, max_followers: int = 1000, idle: float = 15.0) -> None:
        """`idle`: seconds after which a follower for whom nothing came is told how far it has come all the same."""
        self._log = log
        self._fan_out = FanOut(log, signal)
        self._max_followers = max_followers
        self._idle = idle
        self._count = 0

    async def run(self) -> None:
        """Read the log for the followers there are; for ever."""
        await self._fan_out.run()

    def close(self) -> None:
        """End every follower with ``StoppingError``, now and from now on."""
        self._fan_out.close()

    async def head(self) -> int:
        """The last position of the log now."""
        return await anyio.to_thread.run_sync(self._log.head)

    async def follow(
        self, after: int, topics: Sequence[str] = (), timeline: UUID | None = None, clusters: Sequence[str] = ()
    ) -> AsyncGenerator[Recorded, None]:
        """The events of `batches`, one by one."""
        async with aclosing(self.batches(after, topics, timeline, clusters)) as batches:
            async for batch in batches:
                for recorded in batch.events:
                    yield recorded

    async def batches(
        self, after: int, topics: Sequence[str] = (), timeline: UUID | None = None, clusters: Sequence[str] = ()
    ) -> AsyncGenerator[Batch, None]:
        """Events of some topics and clusters (all if none) after a position, in order, each once, for ever; up to 500 at a time, as many as were there.

        Events that concern every cluster come whatever clusters are asked for. Reads on while the log is away. Close it.

        Args:
            timeline: that `after` was read on; the present one if not given.

        Raises:
            AnotherTimelineError: the log was restored to before the position, now or while it was followed.
            PositionAheadError: it was restored, and nobody has begun a new timeline yet.
            TooManySubscriptionsError: as many as are allowed follow already.
            StoppingError: the process ends; another one goes on after the last position seen.
        """
        if self._count >= self._max_followers:
            raise TooManySubscriptionsError(self._max_followers)
        self._count += 1
        told = heard()
        told.passed = after
        try:
            following = self._fan_out.follow(after, wanted(topics, clusters), timeline, self._idle)
            async with aclosing(following) as batches:
                async for batch in batches:
                    if batch.events:
                        yield batch
                    told.passed = batch.position  # who took the batch came back: it is dealt with
        except FanOutClosedError:
            raise StoppingError from None
        finally:
            self._count -= 1
