"""What clusters reported, read from the log once at the leader, for all who want each event: the internal bus, and the search for gaps.

They share a reader and a checkpoint because decoding an event twice costs as much as storing it did.
"""

from __future__ import annotations

from typing import Final

from aetherius.agent_manager.context import Context
from aetherius.agent_manager.fleet.roster import Roster
from aetherius.agent_manager.fleet.sequences import Sequences
from aetherius.agent_manager.relays.critical_events import CriticalEvents
from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import topics_of
from aetherius.readers.follower import Follower
from aetherius.runtime.steady import steadily

CHECKPOINT: Final = "agent_manager_observations"
_PAGE: Final = 2000


class Observations:
    """The leader's reader of events."""

    def __init__(self, context: Context, roster: Roster) -> None:
        self._context = context
        self._roster = roster
        self._critical_events = CriticalEvents(context)
        self._sequences = Sequences(context, roster)
        self._follower: Follower | None = None

    async def run(self) -> None:
        """Read, for ever."""
        await steadily("observations", self._step)

    async def _step(self) -> None:
        follower = self._follower or await self._start()
        try:
            page = await follower.page()
            if page is not None:
                await self._critical_events.publish(page)
                await self._roster.catch_up()
                self._sequences.see(page)
                if not await follower.done(page, rows=self._sequences.rows):
                    self._follower = None
                    return
                self._sequences.stored()
            await self._sequences.report()
        except BaseException:
            self._follower = None  # memory is ahead of the table: start from the table again, or a page counts twice
            raise

    async def _start(self) -> Follower:
        await self._sequences.remember()
        self._follower = Follower(self._context, CHECKPOINT, topics_of([Reported]), _PAGE)
        return self._follower
