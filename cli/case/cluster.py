"""The agent of a case: the real collector, spool and commands, by the clock of the case."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

from aetherius.agent_manager.intake.admission import RefusedLine, Window, admit
from aetherius.cli.case.kubectl import CaseKubectl
from aetherius.cli.case.lines import CaseLine
from aetherius.cli.case.objects import CaseApi
from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.command import CommandMessage, CommandType, ResultStatus
from aetherius.edge_agent.commanding.runner import CommandRunner, Ending, stopwatch
from aetherius.edge_agent.database import Database
from aetherius.edge_agent.repair.cluster import Cluster
from aetherius.edge_agent.settings import AgentSettings
from aetherius.edge_agent.telling.spool import Spool
from aetherius.edge_agent.watching.aftermath import Aftermath
from aetherius.edge_agent.watching.collector import Collector
from aetherius.edge_agent.watching.owners import Owners
from aetherius.edge_agent.watching.revisions import AvailableRevisions
from aetherius.edge_agent.watching.watch import Change
from aetherius.event_store.memory import MemoryLog

CLUSTER: Final = "case"
_BATCH: Final = 100
_ACCEPT_AGE: Final = 14 * 86_400.0
_ACCEPT_AHEAD: Final = 300.0
"""Seconds: what a platform accepts by default."""


class CaseAgent:
    """Collects what the case shows, and obeys commands that only look."""

    def __init__(self, folder: Path, lines: Iterable[CaseLine], clock: Callable[[], datetime]) -> None:
        settings = AgentSettings(credentials=folder, state_folder=folder)
        self._api, self._clock = CaseApi(lines), clock
        self._database = Database(folder / "agent.db")
        self._spool = Spool(self._database, settings.spool_limit, "case")
        revisions, owners = AvailableRevisions(self._database), Owners(self._api.find)
        self._collector = Collector(
            CLUSTER,
            owners,
            revisions,
            self._spool,
            recovery_soak=settings.recovery_soak,
            crash_calm=settings.crash_calm,
            lookback=settings.lookback,
            clock=clock,
        )
        self._aftermath = Aftermath(
            CLUSTER, self._api.find, self._spool, soak=settings.aftermath_soak, clock=clock, owners=owners
        )
        self._commands = CommandRunner(CaseKubectl(self._api), Cluster(self._api, revisions, clock=clock))

    def close(self) -> None:
        """Let the state go."""
        self._database.close()

    def see(self, line: CaseLine) -> None:
        """A watch gives this."""
        self._api.apply(line)
        if line.watched is not None:
            self._collector.collect([Change(line.watched, line.deleted)])

    def look_around(self) -> None:
        """What time alone brings: recoveries, and what became of what is gone."""
        self._collector.collect([])
        self._aftermath.look()

    def publish(self, log: MemoryLog) -> list[RefusedLine]:
        """Hand over what was seen, by the rules that let it into the log; what they refused."""
        refused: list[RefusedLine] = []
        window = Window.around(self._clock(), _ACCEPT_AGE, _ACCEPT_AHEAD)
        while batch := self._spool.take(_BATCH):
            given = {headers.BATCH: str(batch.count)}
            admitted = admit(subjects.event(CLUSTER), given, batch.lines, window)
            log.ingest(admitted.stored)
            refused += admitted.refused
            self._spool.remove(batch)
        return refused

    async def obey(self, command: CommandMessage) -> Ending:
        """How a command ends: a case is looked at and never changed."""
        if command.type is CommandType.REMEDIATION:
            return Ending(status=ResultStatus.FAILED, error="a case is never changed")
        try:
            return await self._commands.run(command, stopwatch(command))
        except (KeyError, TypeError, ValueError) as exc:  # the case shows an object by half
            return Ending(status=ResultStatus.FAILED, error=f"cannot be seen: {type(exc).__name__}: {exc}")
