"""A stage for stories: the real log and the real process managers, stepped by hand, with the agent's answers given by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from eventsourcing.persistence import StoredEvent

from aetherius.cli.tables import create_tables
from aetherius.domain.analysis import Analysis, AnalysisStatus, Requested
from aetherius.domain.cluster import Cluster, Repairs
from aetherius.domain.cluster_event import Reported
from aetherius.domain.command import Answer, Command, CommandStatus, Failed, Issued, Succeeded
from aetherius.domain.event import Cause, Event, encode, topics_of
from aetherius.domain.fault import rules
from aetherius.domain.fault.faults import Faults, shipped_faults
from aetherius.domain.identity import cluster_stream
from aetherius.domain.incident import Incident, Opened
from aetherius.domain.remediation import Proposed, Remediation
from aetherius.domain.repair.actions import Actions, shipped_actions
from aetherius.domain.repair.answers import RepairAnswer
from aetherius.domain.repair.drain_node import DrainNodeAnswer
from aetherius.domain.repair.patience import Patience
from aetherius.domain.repair.workload_history import RevisionSummary
from aetherius.domain.wire.event import Labels, RawData, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.domain.workflow.events import Started
from aetherius.domain.workflow.workflow import Wake, Workflow
from aetherius.event_store.log import Log
from aetherius.event_store.subscription import LogSignal
from aetherius.orchestrator.analysis.desk import concluded
from aetherius.orchestrator.analysis.request import request_of
from aetherius.orchestrator.correlation.correlator import Correlator
from aetherius.orchestrator.correlation.incident_process import IncidentProcess
from aetherius.orchestrator.remediation.phases import PLAN
from aetherius.orchestrator.remediation.planner import RepairPlanner
from aetherius.orchestrator.remediation.process import RemediationProcess
from aetherius.orchestrator.state_tables import on_postgres
from aetherius.orchestrator.workflow.driver import WorkflowDriver
from aetherius.orchestrator.workflow.shipped import ShippedWorkflows, shipped
from aetherius.orchestrator.workflow.starter import WorkflowStarter
from aetherius.readers.deciding import Deciding
from aetherius.readers.runner import Runner
from aetherius.readers.state_rows import StateRows
from evidence_builders import revision, rollout
from sealed_state import SEALING

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
TEST = Cause(actor="user:test")
OOM_DESCRIPTION = """Containers:
  app:
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
    Limits:
      memory:  64Mi
"""


def foreseen(action: str) -> Any:
    """What an agent says that a repair would do."""
    if action == "DrainNode":
        return DrainNodeAnswer(
            node="n1",
            mode="simulate",
            ready="Unknown",
            not_ready_seconds=45,
            placements=[],
            feasible=True,
            seen=["Ready Unknown"],
        )
    return RepairAnswer(action=action, changed=True, summary="it would help", changes=["image: b -> a"], seen=["uid 1"])


class Stage:
    """One cluster's story."""

    def __init__(
        self,
        dsn: str,
        faults: Faults | None = None,
        actions: Actions | None = None,
        workflows: dict[str, str] | None = None,
    ) -> None:
        """`workflows`: YAML by file name, beside the shipped ones."""
        self.faults, actions = faults or shipped_faults(), actions or shipped_actions()
        self.now = NOW
        self.plans_itself = True
        """Plans of repairs are made as soon as they are asked for."""
        self.log = Log(dsn, sealing=SEALING)
        self.rows = StateRows(dsn)
        self._sequence = 0
        sources = {**shipped(), **(workflows or {})}
        waits = {"diagnose_lost_node": {"grace": "30s"}}
        waits |= {name: {"settle": "0s"} for name in ("diagnose_image_pull", "diagnose_pod_crashloop")}
        shipped_workflows = ShippedWorkflows(sources, waits, self.faults, actions)
        keys, patience = self.log.sealing.keys, Patience(soak=5, rollout=60, repair=30)
        tables = on_postgres()
        managers = (
            Correlator(self.clock, tables.subjects, tables.suspicions, self.faults),
            WorkflowStarter(shipped_workflows, self.clock),
            WorkflowDriver(self.clock, keys, tables.awaited, actions=actions),
            RemediationProcess(self.clock, patience, keys, tables.admissions, actions=actions),
            IncidentProcess(self.clock, self.faults, actions),
            RepairPlanner(self.clock, patience, keys, tables.records, actions),
        )
        self._join()
        signal = LogSignal(dsn)
        self.runners = [Runner(self.log, Deciding(manager, self.rows.select), signal) for manager in managers]

    def clock(self) -> datetime:
        return self.now

    def _join(self) -> None:
        cluster = Cluster(cluster_stream("north"))
        cluster.join("north", "1.36", self.now, Repairs.ON)
        self.log.save(cluster, Cause(actor="agent:north"))

    def close(self) -> None:
        self.log.close()
        self.rows.close()

    def report(self, reason: str, *, settle: bool = True, **changes: Any) -> UUID:
        """A cluster reports; by default everything that follows is carried out."""
        self._sequence += 1
        kind, name = changes.pop("kind", "Pod"), changes.pop("name", "web-1")
        owner = ("Deployment", "web") if kind == "Pod" else ("", "")
        raw = RawData(**{"container": "app", **changes.pop("raw", {})})
        event_id: UUID = changes.pop("id", None) or UUID(observation_id("north", self.now, uuid4()))
        report = Reported(
            cluster_id="north",
            source=changes.pop("source", "container_status"),
            severity=changes.pop("severity", Severity.HIGH),
            reason=reason,
            message=changes.pop("message", reason),
            namespace="" if kind == "Node" else "shop",
            labels=Labels(kind=kind, name=name, node="n1", owner_kind=owner[0], owner_name=owner[1]),
            raw_data=raw,
            agent_id="a",
            epoch=1,
            sequence=self._sequence,
        )
        assert not changes
        state = encode(report, self.now, Cause(actor="agent:north"))
        self.log.ingest([StoredEvent(event_id, 1, report.topic, state)])
        if settle:
            self.settle()
        return event_id

    def settle(self) -> None:
        """Step every process manager, and answer analyses by the rules, until nothing happens any more."""
        while (
            any(runner.step() is not None for runner in self.runners)
            or self._analyse()
            or self._go_on()
            or (self.plans_itself and self._foresee())
        ):
            assert not [runner.state for runner in self.runners if runner.state.error], "a reader is parked"

    def _foresee(self) -> bool:
        """The agent says at once what a repair would do that a person is asked about."""
        asked = [each for each in self.open_commands() if each.issued and each.issued.step_id == PLAN]
        for command in asked:
            assert command.issued
            output = msgspec.json.encode(foreseen(command.issued.action)).decode()
            command.finish(Succeeded(exit_code=0, output=output), self.now)
            self.log.save(command, Cause(actor="agent:north"))
        return bool(asked)

    def _analyse(self) -> bool:
        for analysis in self.all(Analysis, Requested):
            if analysis.status is AnalysisStatus.REQUESTED and analysis.request:
                request = request_of(self.log, analysis.id, analysis.request, 5)
                response = rules.analyze(request, self.faults)
                answer = concluded(analysis.request, response, rules.NAME, 0.6, self.faults)
                analysis.answer(answer, self.now)
                self.log.save(analysis, TEST)
                return True
        return False

    def _go_on(self) -> bool:
        """Waits that are over by now end; of the looks that most stories do without nothing is told."""
        for workflow in self.all(Workflow, Started):
            step = workflow.state.current()
            if step and workflow.handle(Wake(step_id=step.id, now=self.now), self.now):
                self.log.save(workflow, TEST)
                return True
        for command in self.open_commands():
            unseen = (
                "NodePressure",
                "NodeHealth",
                "PodConfig",
                *(["WorkloadHistory"] if self._crashes(command) else []),
            )
            if command.issued and command.issued.action in unseen:
                command.finish(Failed(exit_code=1, error="not looked at"), self.now)
                self.log.save(command, TEST)
                return True
        return False

    def _crashes(self, command: Command) -> bool:
        """It looks into a crash loop: which release brought it is another story's."""
        order = command.issued
        workflow = self.log.load(Workflow, order.workflow_id) if order and order.workflow_id else None
        return workflow is not None and workflow.state.definition.name == "diagnose_pod_crashloop"

    def all(self, cls: Any, first: type[Event]) -> list[Any]:
        """Every aggregate of a kind, by its first event, in log order."""
        return [self.log.load(cls, r.stream_id) for r in self.log.read(0, 10_000, topics_of((first,)))]

    def error_of(self, step: str) -> str:
        """Why a step of the only workflow failed."""
        workflow = self.workflow
        return self.log.sealing.keys.open(workflow.state.step(step).error, workflow.id)

    @property
    def incident(self) -> Incident:
        """The only incident."""
        (only,) = self.all(Incident, Opened)
        assert isinstance(only, Incident)
        return only

    @property
    def workflow(self) -> Workflow:
        """The latest workflow."""
        latest = self.all(Workflow, Started)[-1]
        assert isinstance(latest, Workflow)
        return latest

    @property
    def remediation(self) -> Remediation:
        """The latest remediation."""
        latest = self.all(Remediation, Proposed)[-1]
        assert isinstance(latest, Remediation)
        return latest

    def open_commands(self) -> list[Command]:
        """Commands that wait for an answer."""
        return [c for c in self.all(Command, Issued) if c.status is CommandStatus.ISSUED]

    def answer(self, action: str, output: Any = "", *, answer: Answer | None = None) -> Command:
        """The agent answers the one open command of this action."""
        (command,) = [c for c in self.open_commands() if c.issued and c.issued.action == action]
        text = output if isinstance(output, str) else msgspec.json.encode(output).decode()
        command.finish(answer or Succeeded(exit_code=0, output=text), self.now)
        self.log.save(command, Cause(actor="agent:north"))
        self.settle()
        return command

    def fail(self, action: str, error: str) -> Command:
        """The agent answers that the command failed."""
        return self.answer(action, answer=Failed(exit_code=1, error=error))

    def yes(self) -> Remediation:
        """A person's yes to the plan; not yet in the log."""
        remediation = self.remediation
        digest = remediation.planned.digest if remediation.planned else ""
        remediation.approve("user:ada", "go", self.now, digest)
        return remediation

    def approve(self) -> None:
        """A person says yes."""
        self.log.save(self.yes(), Cause(actor="user:ada"))
        self.settle()

    def pass_time(self, seconds: float) -> None:
        """Time passes, and the timers that are due ring."""
        self.now += timedelta(seconds=seconds)
        for workflow in self.all(Workflow, Started):
            step = workflow.state.current()
            if step and workflow.handle(Wake(step_id=step.id, now=self.now), self.now):
                self.log.save(workflow, TEST)
        self.settle()

    def events_of(self, id: UUID) -> list[str]:
        """The names of a stream's events."""
        return [type(recorded.event).__name__ for recorded in self.log.stream(id)]

    def remediation_statuses(self) -> list[str]:
        return [r.status.value for r in self.all(Remediation, Proposed)]


@pytest.fixture
def make_stage(dsn: str) -> Iterator[Callable[..., Stage]]:
    """Builder of the log with its tables, and the process managers at its start; with more faults and actions than are shipped, if wanted."""
    create_tables(dsn)
    made: list[Stage] = []

    def make(**more: Any) -> Stage:
        made.append(Stage(dsn, **more))
        return made[-1]

    yield make
    for stage in made:
        stage.close()


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    """The log with its tables, and the process managers at its start."""
    return make_stage()


def history(*revisions: RevisionSummary, **changes: Any) -> str:
    """What the agent says of the Deployment `web`, at the last of these revisions."""
    return rollout(*revisions, **{"ready_replicas": 1, "available_replicas": 1, **changes})


@pytest.fixture
def make_history() -> Any:
    """Builder of what the agent says of a Deployment."""
    return history


@pytest.fixture
def make_revision() -> Any:
    """Builder of one revision."""
    return revision


@pytest.fixture
def oom_description() -> str:
    """What `kubectl describe` says of an OOM-killed pod."""
    return OOM_DESCRIPTION
