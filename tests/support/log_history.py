"""Builds histories in a log through the real aggregates: stories step by step, and random ones that only ever do what the rules allow."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from aetherius.domain.agent import Agent, Reconfigured, Registered
from aetherius.domain.aggregate import Aggregate
from aetherius.domain.cluster import Cluster, QuotaSet
from aetherius.domain.cluster_event import Reported
from aetherius.domain.command import Command, Issued, Succeeded
from aetherius.domain.event import Cause, event_id
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.identity import agent_stream, cluster_stream, stable_id
from aetherius.domain.incident import Diagnosed, Incident, IncidentStatus, Opened, Reclassified
from aetherius.domain.remediation import Executed, Proposed, Remediation
from aetherius.domain.repair.action import Circumstances
from aetherius.domain.repair.actions import shipped_actions
from aetherius.domain.strategy import Selected
from aetherius.domain.wire.analysis import Evidence
from aetherius.domain.wire.command import CommandType
from aetherius.domain.wire.event import Labels, RawData, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.domain.workflow.definition import (
    ActionStep,
    CommandStep,
    Condition,
    DecisionStep,
    ReasoningStep,
    Retry,
    WorkflowDefinition,
)
from aetherius.domain.workflow.events import Started, Target
from aetherius.domain.workflow.state import StepStatus, WorkflowStatus
from aetherius.domain.workflow.workflow import (
    Begin,
    Branch,
    Cancel,
    Fail,
    Input,
    Pause,
    Resume,
    Start,
    Succeed,
    Workflow,
    due,
)
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from answered_history import touch_command, touch_remediation
from frozen_history import touch_freeze

A = TypeVar("A", bound=Aggregate)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CAUSE = Cause(actor="system:test", correlation_id=UUID(int=1))

DEFINITION = WorkflowDefinition(
    name="diagnose_pod_crashloop",
    triggers=["CrashLoopBackOff"],
    steps=[
        CommandStep(id="collect_logs", tool="kubectl", action="logs", retry=Retry(max_attempts=2)),
        ReasoningStep(id="analyze", input=["collect_logs.output"]),
        DecisionStep(
            id="decide", conditions=[Condition(expression="analysis.root_cause == 'OOM'", then="increase_memory")]
        ),
        ActionStep(id="remediate", action="apply_fix"),
    ],
)


class History:
    """Appends to a log, one step a call; time passes by a second with each."""

    def __init__(self, log: Log, seed: int = 0) -> None:
        self.log = log
        self.rng = random.Random(seed)
        self.now = NOON
        self.count = 0
        self.incidents: list[UUID] = []
        self.workflows: list[UUID] = []
        self.remediations: list[UUID] = []
        self.commands: list[UUID] = []
        self.clusters = ("berlin", "oslo")

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        self.count += 1
        return self.now

    # Observed

    def report(self, cluster: str = "berlin", **fields: object) -> UUID:
        at = self.tick()
        id = UUID(observation_id(cluster, at, "test report", self.count))
        given: dict[str, object] = {
            "cluster_id": cluster,
            "source": "kubelet",
            "severity": Severity.HIGH,
            "reason": "OOMKilled",
            "message": f"killed \0 for the {self.count}th time",
            "namespace": "shop",
            "labels": Labels(kind="Pod", name=f"web-{self.count}", owner_kind="Deployment", owner_name="web"),
            "raw_data": RawData(count=self.count, exit_code=137),
            "agent_id": "a1",
            "epoch": 1,
            "sequence": self.count,
        }
        self.log.append([Pending(id, 1, Reported(**{**given, **fields}), at, CAUSE)])  # type: ignore[arg-type]
        return id

    # The fleet

    def register(self, cluster: str = "berlin", epoch: int = 1) -> None:
        at = self.tick()
        joined = self.get(Cluster, cluster_stream(cluster))
        joined.join(cluster, f"v1.{30 + epoch}", at)
        self.log.save(joined, CAUSE)
        agent = self.get(Agent, agent_stream(cluster, "a1"))
        agent.register(
            Registered(
                cluster_id=cluster,
                agent_id="a1",
                epoch=epoch,
                agent_version="0.1",
                kubernetes_version=f"v1.{30 + epoch}",
                capabilities=["kubectl"],
            ),
            at,
        )
        self.log.save(agent, CAUSE)

    def touch_fleet(self, cluster: str) -> None:
        agent, at = self.get(Agent, agent_stream(cluster, "a1")), self.tick()
        if not agent.version:
            self.register(cluster)
            return
        acts: list[Callable[[], object]] = [
            lambda: agent.go_offline(at, at),
            lambda: agent.come_back(at),
            lambda: agent.detect_gap(agent.epoch, 5, 9, at),
            lambda: agent.record(Reconfigured(cluster_id=cluster, heartbeat_interval=15.0), at),
        ]
        self.rng.choice(acts)()
        self.log.save(agent, CAUSE)

    def touch_cluster(self, cluster: str) -> None:
        joined, at = self.get(Cluster, cluster_stream(cluster)), self.tick()
        if not joined.version:
            joined.join(cluster, "v1.30", at)
        elif self.rng.random() < 0.5:
            joined.configure("v1.37", {"turn": str(self.count)}, at)
        else:
            joined.record(QuotaSet(cluster_id=cluster, events_per_minute=9, commands_per_minute=self.count), at)
        self.log.save(joined, CAUSE)

    # Incidents

    def open_incident(self, cluster: str = "berlin", symptom: str = "crash_loop", **fields: object) -> UUID:
        event, at = self.report(cluster), self.tick()
        incident = Incident(stable_id("test incident", self.count))
        given: dict[str, object] = {
            "cluster_id": cluster,
            "namespace": "shop",
            "kind": "Deployment",
            "name": f"web-{self.count}",
            "symptom": symptom,
            "severity": Severity.HIGH,
            "reason": "OOMKilled",
            "message": "killed",
            "onset": at,
            "event_id": event,
            "pod": "web-1",
        }
        incident.open(Opened(**{**given, **fields}), at)  # type: ignore[arg-type]
        self.log.save(incident, CAUSE.then("system:correlation", event))
        self.incidents.append(incident.id)
        return incident.id

    def correlate(self, id: UUID, count: int = 2) -> None:
        incident, at = self.log.load(Incident, id), self.tick()
        ids = [stable_id("test sign", self.count, n) for n in range(count)]
        incident.correlate(ids, ["BackOff"], [f"web-{self.count}"], at)
        self.log.save(incident, CAUSE)

    def diagnose(self, id: UUID, cause: str = "OOM") -> None:
        incident = self.log.load(Incident, id)
        diagnosis = Diagnosed(
            analysis_id=stable_id("test analysis", self.count),
            root_cause=cause,
            confidence=0.93,
            summary=f"it was {cause}",
            evidence=[Evidence(source="collect_logs", finding="exit code 137", weight=0.9)],
        )
        incident.diagnose(diagnosis, self.tick())
        self.log.save(incident, CAUSE)

    def touch_incident(self, id: UUID) -> None:
        incident, at = self.log.load(Incident, id), self.tick()
        if incident.status is IncidentStatus.RESOLVED:
            incident.reopen(self.report(), "again", at)
        else:
            acts: list[Callable[[], object]] = [
                lambda: incident.escalate(Severity.CRITICAL, "worse", at),
                lambda: incident.acknowledge("user:ada", at),
                lambda: incident.mitigate(UUID(int=self.count), "memory raised", at),
                lambda: incident.resolve("repaired", "all well", at),
                lambda: incident.record(Reclassified(symptom="config_error", reason="looked closer"), at),
                lambda: incident.correlate([UUID(int=self.count)], ["BackOff"], ["web-2"], at),
            ]
            self.rng.choice(acts)()
        self.log.save(incident, CAUSE)

    # Workflows

    def start_workflow(self, incident_id: UUID) -> UUID:
        at = self.tick()
        opened = self.log.load(Incident, incident_id).opened
        assert opened
        workflow = Workflow(stable_id("test workflow", self.count))
        started = Started(
            incident_id=incident_id,
            definition=DEFINITION,
            target=Target(cluster_id=opened.cluster_id, namespace="shop", kind="Deployment", name=opened.name),
            strategy="crash_loop",
            parameters={"soak": "5s"},
            trigger="OOMKilled",
        )
        workflow.handle(Start(started=started), at)
        self.log.save(workflow, CAUSE)
        selected = Selected(
            incident_id=incident_id, workflow_id=workflow.id, strategy="crash_loop", workflow="x", because="y"
        )
        self.log.append([Pending(stable_id("test strategy", self.count), 1, selected, at, CAUSE)])
        self.workflows.append(workflow.id)
        return workflow.id

    def advance_workflow(self, id: UUID) -> None:
        """One move: begin what is due, or finish what runs (well or badly)."""
        workflow, at = self.log.load(Workflow, id), self.tick() + timedelta(hours=self.count)
        step = workflow.state.current()
        if step is None:
            return
        if isinstance(step, DecisionStep):
            workflow.handle(Branch(step_id=step.id, held=self.rng.choice([0, None]), reason="chance"), at)
        elif workflow.state.step(step.id).status is StepStatus.RUNNING:
            fails = self.rng.random() < 0.3
            done: Input = (
                Fail(step_id=step.id, error="no", now=at) if fails else Succeed(step_id=step.id, output={"n": 1})
            )
            workflow.handle(done, at)
        elif due(workflow.state, at):
            workflow.handle(Begin(step_id=step.id, work_id=stable_id("test work", self.count)), at)
        self.log.save(workflow, CAUSE)

    def control_workflow(self, id: UUID) -> None:
        workflow, at = self.log.load(Workflow, id), self.tick()
        if workflow.state.status is WorkflowStatus.RUNNING:
            workflow.handle(Pause(by="user:ada"), at)
        elif workflow.state.status is WorkflowStatus.PAUSED:
            wishes: list[Input] = [Resume(by="user:ada"), Cancel(by="user:ada", reason="enough")]
            workflow.handle(self.rng.choice(wishes), at)
        self.log.save(workflow, CAUSE)

    # Remediations

    def propose(self, incident_id: UUID, workflow_id: UUID, action: str = "UpdateResourceLimits") -> UUID:
        opened = self.log.load(Incident, incident_id).opened
        assert opened
        remediation, at = Remediation(stable_id("test remediation", self.count)), self.tick()
        proposal = Proposed(
            incident_id=incident_id,
            workflow_id=workflow_id,
            step_id="remediate",
            cluster_id=opened.cluster_id,
            namespace="shop",
            kind="Deployment",
            name="web",
            action=action,
            parameters={"memory": "128Mi"},
            reason="too little memory",
        )
        repair = shipped_actions().repair(action)
        assert repair is not None
        remediation.propose(proposal, repair.risk(Circumstances(cause="OOM")), at)
        self.log.save(remediation, CAUSE)
        self.remediations.append(remediation.id)
        return remediation.id

    # Commands

    def issue(self, cluster: str = "berlin", workflow_id: UUID | None = None) -> UUID:
        command, at = Command(stable_id("test command", self.count)), self.tick()
        order = Issued(
            cluster_id=cluster,
            type=CommandType.DIAGNOSTIC,
            tool="kubectl",
            action="logs",
            args=["--tail=100"],
            namespace="shop",
            issued_by="system:orchestrator",
            expires_at=at + timedelta(minutes=1),
            workflow_id=workflow_id,
            step_id="collect_logs",
        )
        command.issue(order, at)
        self.log.save(command, CAUSE)
        self.commands.append(command.id)
        return command.id

    def go_on(self, steps: int) -> None:
        """So many random steps."""
        for _ in range(steps):
            self._step()

    def _step(self) -> None:
        rng, cluster = self.rng, self.rng.choice(self.clusters)
        acts: list[Callable[[], object]] = [
            lambda: self.report(cluster, severity=rng.choice(list(Severity)), namespace=rng.choice(["shop", "ops"])),
            lambda: self.touch_fleet(cluster),
            lambda: self.touch_cluster(cluster),
            lambda: touch_freeze(self, cluster),
            lambda: self.open_incident(cluster, rng.choice([fault.symptom for fault in shipped_faults()])),
            lambda: self.issue(cluster),
        ]
        if self.incidents:
            acts += [
                lambda: self.touch_incident(rng.choice(self.incidents)),
                lambda: self.diagnose(rng.choice(self.incidents), rng.choice(shipped_faults().codes)),
                lambda: self.start_workflow(rng.choice(self.incidents)),
            ]
        if self.workflows:
            acts += [lambda: self.advance_workflow(rng.choice(self.workflows))] * 3
            acts += [
                lambda: self.control_workflow(rng.choice(self.workflows)),
                lambda: self.propose(
                    rng.choice(self.incidents),
                    rng.choice(self.workflows),
                    rng.choice(["UpdateResourceLimits", "DrainNode"]),
                ),
            ]
        if self.remediations:
            acts += [lambda: touch_remediation(self, rng.choice(self.remediations))] * 2
        if self.commands:
            acts += [lambda: touch_command(self, rng.choice(self.commands))]
        rng.choice(acts)()

    def repaired_incident(self) -> UUID:
        """The whole story of one incident: opened, looked into, diagnosed, repaired with approval, resolved."""
        self.register()
        incident_id = self.open_incident()
        self.correlate(incident_id)
        workflow_id = self.start_workflow(incident_id)
        command_id = self.issue(workflow_id=workflow_id)
        self._finish(command_id)
        self.diagnose(incident_id)
        remediation = self.log.load(Remediation, self.propose(incident_id, workflow_id, "DrainNode"))
        remediation.approve("user:ada", "go", self.tick())
        remediation.execute(Executed(command_id=command_id, summary="raised to 128Mi"), self.tick())
        remediation.verify(command_id, "no OOM kill for 5s", self.tick())
        self.log.save(remediation, CAUSE)
        incident = self.log.load(Incident, incident_id)
        incident.mitigate(remediation.id, "memory raised", self.tick())
        incident.resolve("repaired", "all well", self.tick())
        self.log.save(incident, CAUSE.then("system:incident", event_id(remediation.id, remediation.version)))
        return incident_id

    def _finish(self, command_id: UUID) -> None:
        command = self.log.load(Command, command_id)
        command.dispatched(self.tick())
        command.finish(Succeeded(exit_code=0, output="OOMKilled", execution_time="0.2s"), self.tick())
        self.log.save(command, CAUSE)

    def get(self, cls: type[A], id: UUID) -> A:
        return cls.replay(id, [recorded.event for recorded in self.log.stream(id)])
