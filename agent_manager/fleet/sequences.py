"""Sequences: did everything that an agent numbered arrive? What did not, after a while, becomes `Agent.GapDetected`: not heard, instead of nothing happened.

It reads the log and not the messages, because each replica sees only a part of those. State and checkpoint are one transaction, so it goes on
where it was; a report and the state without it are another. Only the cluster's collector counts, which bounds the state by the number of clusters.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

import msgspec
import psycopg
from psycopg import Cursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL

from aetherius.agent_manager.context import Context
from aetherius.agent_manager.fleet.gaps import Hole, Sequence
from aetherius.agent_manager.fleet.roster import Roster
from aetherius.domain.agent import Agent
from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Cause
from aetherius.domain.identity import agent_stream
from aetherius.event_store.errors import CheckpointConflictError, LogUnavailableError, VersionConflictError
from aetherius.event_store.pending import Page, Pending
from aetherius.runtime.sql_files import sql_file

logger = logging.getLogger(__name__)

REPORTS: Final = "sequence_gaps.reports"
"""Counts the reports: the checkpoint of a second leader is refused, and with it the same report."""
ACTOR: Final = "system:sequences"


class Heard(msgspec.Struct):
    """What arrived of one cluster's collector, by epoch. Of old epochs only those are kept that may still be filled."""

    agent_id: str
    epochs: dict[int, Sequence] = {}

    def close_epochs(self, before: datetime) -> None:
        """Forget the epochs that nothing came for since a moment, and that miss nothing: a new one begins."""
        for epoch, sequence in list(self.epochs.items()):
            if not sequence.holes and (sequence.touched is None or sequence.touched < before):
                del self.epochs[epoch]


class Sequences:
    """Finds the gaps. Memory is the table's state and what was seen since; whoever drives this stores `rows` with each page, or has it start anew."""

    def __init__(self, context: Context, roster: Roster) -> None:
        self._context = context
        self._roster = roster
        self._heard: dict[str, Heard] = {}
        self._changed: set[str] = set()
        self._reports = 0

    async def remember(self) -> None:
        """Take up the stored state, and nothing else. Raises ``LogUnavailableError``: safe to repeat."""
        context = self._context
        self._heard = await context.blocking(_read, context.settings.postgres_dsn)
        self._reports = await context.blocking(context.log.checkpoint, REPORTS)
        self._changed.clear()

    def see(self, page: Page) -> None:
        """Note what arrived."""
        now = self._context.now()
        for recorded in page:
            self._see(recorded.event, now)

    def rows(self, cursor: Cursor[TupleRow]) -> None:
        """Write what changed, in the transaction of whoever drives this; `stored` says that it was committed."""
        rows = [(cluster_id, msgspec.json.encode(self._heard[cluster_id])) for cluster_id in self._changed]
        cursor.executemany(_statement("sequences_write"), rows)

    def stored(self) -> None:
        """Note that the rows are committed."""
        self._changed.clear()

    async def report(self) -> None:
        """Tell the old holes, which are not waited for any more.

        Raises:
            LogUnavailableError: not told, or told by another leader: `remember` first, then go on.
        """
        before = self._context.now() - timedelta(seconds=self._context.settings.gap_grace)
        for cluster_id, heard in self._heard.items():
            holes = [(epoch, hole) for epoch, each in heard.epochs.items() for hole in each.told(before)]
            if holes:
                await self._tell(cluster_id, heard, holes)

    def _see(self, event: object, now: datetime) -> None:
        assert isinstance(event, Reported)
        collector = self._roster.collector(event.cluster_id)
        if collector is None or collector.agent_id != event.agent_id:
            return
        heard = self._heard.get(event.cluster_id)
        if heard is None or heard.agent_id != event.agent_id:
            heard = self._heard[event.cluster_id] = Heard(event.agent_id)
        sequence = heard.epochs.get(event.epoch)
        if sequence is None:
            if event.epoch != collector.epoch:
                return  # of an epoch that is closed
            heard.close_epochs(now - timedelta(seconds=self._context.settings.gap_grace))
            sequence = heard.epochs[event.epoch] = Sequence()
        sequence.see(event.sequence, now)
        self._changed.add(event.cluster_id)

    async def _tell(self, cluster_id: str, heard: Heard, holes: list[tuple[int, Hole]]) -> None:
        context = self._context
        agent = await context.blocking(context.log.load, Agent, agent_stream(cluster_id, heard.agent_id))
        for epoch, hole in holes:
            agent.detect_gap(epoch, hole.first, hole.last, context.now())
            logger.warning(
                "cluster %s, epoch %d: events %d to %d are missing", cluster_id, epoch, hole.first, hole.last
            )
        pending = [Pending(agent.id, *decided, Cause(actor=ACTOR)) for decided in agent.collect()]
        self._changed.add(cluster_id)
        try:
            await context.blocking(context.log.transact, REPORTS, self._reports + 1, pending, self.rows)
        except (CheckpointConflictError, VersionConflictError) as exc:
            raise LogUnavailableError(f"another writer was first: {exc}") from exc
        self._reports += 1
        self._changed.clear()


def _read(dsn: str) -> dict[str, Heard]:
    try:
        with psycopg.connect(dsn, connect_timeout=5) as connection:
            rows = connection.execute(_statement("sequences_read")).fetchall()
    except psycopg.OperationalError as exc:
        raise LogUnavailableError(f"cannot read the sequences: {exc}") from exc
    return {cluster_id: msgspec.json.decode(state, type=Heard) for cluster_id, state in rows}


def _statement(name: str) -> SQL:
    return sql_file("aetherius.agent_manager", name)
