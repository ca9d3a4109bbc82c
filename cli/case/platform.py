"""The platform of a case: the orchestrator's own processes on a log in memory, driven until nothing more follows."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any, Final, NoReturn
from uuid import UUID

from psycopg.abc import Params, QueryNoTemplate

from aetherius.agent_manager.orders.order import message_of
from aetherius.domain.analysis import Analysis, Requested
from aetherius.domain.command import Command, Issued, answer_of
from aetherius.domain.event import Recorded, topics_of
from aetherius.domain.fault import rules
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.keyring import Keyring
from aetherius.domain.remediation import Remediation
from aetherius.domain.repair.patience import Patience
from aetherius.domain.wire.command import CommandMessage, ResultMessage
from aetherius.domain.workflow.workflow import Wake, Workflow
from aetherius.edge_agent.commanding.runner import Ending
from aetherius.event_store.change import change
from aetherius.event_store.memory import MemoryLog
from aetherius.event_store.sealing import Sealing
from aetherius.orchestrator import state_tables
from aetherius.orchestrator.analysis.desk import concluded
from aetherius.orchestrator.analysis.request import request_of
from aetherius.orchestrator.correlation.correlator import Correlator
from aetherius.orchestrator.correlation.incident_process import IncidentProcess
from aetherius.orchestrator.remediation.planner import RepairPlanner
from aetherius.orchestrator.remediation.process import RemediationProcess
from aetherius.orchestrator.workflow.driver import WorkflowDriver
from aetherius.orchestrator.workflow.shipped import ShippedWorkflows, shipped
from aetherius.orchestrator.workflow.starter import WorkflowStarter
from aetherius.readers.deciding import Deciding, ProcessManager
from aetherius.readers.state_tables.memory import MemoryTable

_ASKED: Final = topics_of((Issued, Requested))
_PAGE: Final = 1_000
_TIMEOUT: Final = 30.0
_MIN_CONFIDENCE: Final = 0.6
_ACTOR: Final = "system:case"

Obey = Callable[[CommandMessage], Awaitable[Ending]]


class CasePlatform:
    """Its queues are answered at once; its timers ring when their time has come."""

    def __init__(self, clock: Callable[[], datetime], obey: Obey) -> None:
        self._clock, self._obey = clock, obey
        self.log = MemoryLog(sealing=Sealing(_new_keys()), clock=clock)
        tables = state_tables.in_memory(self.log)
        self._wakeups, self._approvals = tables.awaited.wakeups, tables.awaited.approvals
        keys = self.log.sealing.keys
        managers: list[ProcessManager] = [
            Correlator(clock, tables.subjects, tables.suspicions),
            WorkflowStarter(ShippedWorkflows(shipped(), {}), clock),
            WorkflowDriver(clock, keys, tables.awaited),
            RepairPlanner(clock, Patience(), keys, tables.records),
            RemediationProcess(clock, Patience(), keys, tables.admissions),
            IncidentProcess(clock),
        ]
        self._readers = [Deciding(each, _no_sql) for each in managers]
        self._asked_up_to = 0

    async def settle(self) -> None:
        """Go on until nothing more follows from what is in the log and from the time."""
        self._ring()
        while sum(self._read(each) for each in self._readers) or await self._answer():
            pass

    def _read(self, reader: Deciding) -> bool:
        at = self.log.checkpoint(reader.name)
        page = self.log.read_page(at, _PAGE, reader.topics)
        if page.next_position > at:
            reader.commit(self.log, page, at)
        return bool(page.events)

    async def _answer(self) -> bool:
        asked = self.log.read(self._asked_up_to, _PAGE, _ASKED)
        self._asked_up_to = self.log.head()
        for recorded in asked:
            if isinstance(recorded.event, Requested):
                self._conclude(recorded.stream_id, recorded.event)
            else:
                await self._run(recorded)
        return bool(asked)

    def _conclude(self, analysis_id: UUID, asked: Requested) -> None:
        faults = shipped_faults()
        response = rules.analyze(request_of(self.log, analysis_id, asked, _TIMEOUT), faults)
        answer = concluded(asked, response, rules.NAME, _MIN_CONFIDENCE, faults)
        change(self.log, Analysis, analysis_id, _ACTOR, lambda each: each.answer(answer, self._clock()))

    async def _run(self, recorded: Recorded) -> None:
        issued = recorded.event
        assert isinstance(issued, Issued)
        ending = await self._obey(message_of(issued, recorded))
        answer = answer_of(_result(recorded, issued, ending, self._clock()))
        change(self.log, Command, recorded.stream_id, _ACTOR, lambda each: each.finish(answer, self._clock()))

    def _ring(self) -> None:
        now = self._clock()
        for wakeup in _rows(self._wakeups):
            if wakeup.wakes_at <= now:
                wake = partial(_woken, wake=Wake(step_id=wakeup.step_id, now=now))
                change(self.log, Workflow, wakeup.workflow_id, _ACTOR, wake)
        for approval in _rows(self._approvals):
            if approval.deadline <= now:
                change(self.log, Remediation, approval.remediation_id, _ACTOR, lambda each: each.expire(now))


def _woken(workflow: Workflow, wake: Wake) -> None:
    workflow.handle(wake, wake.now)


def _rows(table: object) -> list[Any]:
    assert isinstance(table, MemoryTable), "those of a log in memory are"
    return table.all()


def _new_keys() -> Keyring:
    """Of use for one case: what commands print is sealed here too."""
    return Keyring({"case": base64.b64encode(secrets.token_bytes(32)).decode()})


def _result(recorded: Recorded, issued: Issued, ending: Ending, now: datetime) -> ResultMessage:
    return ResultMessage(
        command_id=str(recorded.stream_id),
        cluster_id=issued.cluster_id,
        status=ending.status,
        exit_code=ending.exit_code,
        output=ending.output,
        error=ending.error,
        timestamp=now,
        rejected_by=ending.rejected_by,
    )


def _no_sql(query: QueryNoTemplate, params: Params | None = None) -> NoReturn:
    raise NotImplementedError("a log in memory knows no SQL")
