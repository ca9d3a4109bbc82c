"""A new kind of fault and a new kind of repair are an entry each, here in this file: from the first sign to the verified repair nothing else knows of them.

The platform's side is the real log and process managers; the agent's side runs the orders on a simulated cluster.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aetherius.domain.cluster_event import Reported
from aetherius.domain.command import Command, Failed, Succeeded
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.verdict import Verdict
from aetherius.domain.fault.fault import POD_OVER, Fault
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.incident import IncidentStatus
from aetherius.domain.remediation import RemediationStatus
from aetherius.domain.repair.action import Mode, Order, Phase, Repair
from aetherius.domain.repair.actions import shipped_actions
from aetherius.domain.repair.answers import Name, RepairAnswer
from aetherius.domain.repair.patience import Patience
from aetherius.domain.repair.verify_workload import watched
from aetherius.domain.risk import RiskLevel
from aetherius.domain.strategy import Strategy
from aetherius.domain.wire.analysis import Evidence, Recommendation
from aetherius.domain.wire.command import CommandMessage, ResultStatus
from aetherius.edge_agent.commanding.execute import Kubectl
from aetherius.edge_agent.commanding.runner import CommandRunner, Ending, stopwatch
from aetherius.edge_agent.database import Database
from aetherius.edge_agent.kubernetes_api import connect
from aetherius.edge_agent.repair.cluster import Cluster, Document, Stopwatch, deployment_path, until_unchanged
from aetherius.edge_agent.repair.performer import Job, Performer
from aetherius.edge_agent.repair.performers import Performers, shipped_performers
from aetherius.edge_agent.watching.revisions import AvailableRevisions
from cluster_probe import ClusterProbe
from simulated_cluster import SimulatedCluster

NAMESPACE = "shop"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


class RestartDeployment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Start every pod of a Deployment anew."""

    name: Name
    at: str
    mode: Mode = "execute"


class RestartDeploymentRepair(Repair[RestartDeployment]):
    name = "RestartDeployment"
    parameters = RestartDeployment
    choice = "restart_deployment"
    base_risk = (RiskLevel.MEDIUM, "every pod is started anew, and what it held in memory is gone")

    def phase(self, parameters: RestartDeployment) -> Phase:
        return Phase(parameters.mode)

    def object_of(self, parameters: RestartDeployment) -> str:
        return parameters.name

    def question(self, parameters: RestartDeployment, reason: str) -> str:
        return f"Restart every pod of {parameters.name}? {reason}"

    def verification(self, parameters: RestartDeployment, output: str, patience: Patience) -> Order:
        return watched(parameters.name, output, patience)


class RestartDeploymentPerformer(Performer[RestartDeployment]):
    action = RestartDeploymentRepair()

    def simulate(self, job: Job[RestartDeployment]) -> RepairAnswer:
        return until_unchanged(lambda: self._restarted(job, job.cluster.rehearse))

    def execute(self, job: Job[RestartDeployment]) -> RepairAnswer:
        return until_unchanged(lambda: self._restarted(job, job.cluster.change))

    def _restarted(self, job: Job[RestartDeployment], change: Callable[..., Document]) -> RepairAnswer:
        order = job.parameters
        deployment = job.cluster.deployment(job.namespace, order.name)
        body = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: order.at}}}}}
        change(deployment, deployment_path(job.namespace, order.name), body, "strategic")
        return RepairAnswer(action=self.action.name, changed=True, summary=f"{order.name} restarted at {order.at}")


class Deadlock(Fault):
    symptom = "deadlock"
    strategy = Strategy(id="deadlock", workflow="diagnose_deadlock", about="Restart what answers no more")
    causes = {"Deadlock": frozenset({"ThreadsWaitForEachOther"})}
    recoveries = POD_OVER

    def is_sign(self, report: Reported) -> bool:
        return report.reason == "ThreadsStuck" and report.labels.kind == "Pod"

    def judge(self, file: EvidenceFile) -> Verdict:
        signs = file.signs_of("ThreadsStuck")
        advice = Recommendation(
            action=RestartDeploymentRepair.name,
            confidence=0.9,
            parameters={"name": file.about.name, "at": "2026-11-24T03:00:00Z"},
        )
        evidence = [Evidence(source="events", finding=sign.message) for sign in signs]
        return Verdict(type="ThreadsWaitForEachOther", confidence=0.9, evidence=evidence, recommendations=[advice])


WORKFLOW = """workflow:
  name: diagnose_deadlock
  trigger: {event_type: ThreadsStuck}
  steps:
    - {id: analyze, type: ai_reasoning, input: []}
    - id: decide
      type: decision
      conditions: [{if: "analysis.root_cause == 'Deadlock'", then: restart_deployment}]
    - {id: remediate, type: action, action: apply_fix}
"""


class Agent:
    """Runs the platform's open orders, as an agent's command queue would after it has checked them."""

    def __init__(self, cluster: Cluster, kubectl: Kubectl, performers: Performers) -> None:
        self._runner = CommandRunner(kubectl, cluster, performers)

    def answer(self, stage: Any) -> None:
        for command in stage.open_commands():
            ending = asyncio.run(self.run(command))
            done = Succeeded(exit_code=0, output=ending.output)
            answer = done if ending.status is ResultStatus.SUCCESS else Failed(error=ending.error)
            stage.answer(command.issued.action, answer=answer)

    async def run(self, command: Command) -> Ending:
        issued = command.issued
        assert issued is not None
        message = CommandMessage(
            id=str(command.id),
            cluster_id=issued.cluster_id,
            type=issued.type,
            tool=issued.tool,
            action=issued.action,
            namespace=issued.namespace,
            timeout=issued.timeout,
            issued_by=issued.issued_by,
            correlation_id="test",
            parameters=issued.parameters,
            expires_at=issued.expires_at,
            nonce="test",
        )
        return await self._runner.run(message, stopwatch(message))


@pytest.fixture
def probe(simulated_cluster: SimulatedCluster) -> Iterator[ClusterProbe]:
    probe = ClusterProbe(simulated_cluster.kubeconfig, "default")
    probe.kind("Namespace").create(body={"metadata": {"name": NAMESPACE}})
    yield probe.within(NAMESPACE)
    probe.kind("Namespace").delete(name=NAMESPACE)
    probe.close()


@pytest.fixture
def cluster(simulated_cluster: SimulatedCluster, tmp_path: Path) -> Iterator[Cluster]:
    api = connect(simulated_cluster.kubeconfig)
    yield Cluster(api, AvailableRevisions(Database(tmp_path / "agent.db")))
    api.close()


@pytest.fixture
def agent(cluster: Cluster, simulated_cluster: SimulatedCluster, tmp_path: Path) -> Agent:
    kubectl = Kubectl.find(None, simulated_cluster.kubeconfig, tmp_path / "home", 1 << 18)
    return Agent(cluster, kubectl, shipped_performers().with_entries(RestartDeploymentPerformer()))


@pytest.fixture
def stage(make_stage: Callable[..., Any]) -> Any:
    return make_stage(
        faults=shipped_faults().with_entries(Deadlock()),
        actions=shipped_actions().with_entries(RestartDeploymentRepair()),
        workflows={"diagnose_deadlock.yaml": WORKFLOW},
    )


def test_from_the_first_sign_to_the_verified_repair(stage: Any, agent: Agent, probe: ClusterProbe) -> None:
    probe.deploy("web")
    stage.report("ThreadsStuck", message="12 threads wait for each other")
    assert (stage.incident.symptom, stage.incident.root_cause) == ("deadlock", "Deadlock")
    assert stage.remediation.status is RemediationStatus.AWAITING_APPROVAL, "its own base risk asks a person"
    asked = [each.event for each in stage.log.stream(stage.remediation.id)][2]
    assert asked.question.startswith("Restart every pod of web?")
    stage.approve()
    agent.answer(stage)
    assert stage.remediation_statuses() == ["executed"]
    template = probe.get("Deployment", "web")["spec"]["template"]
    assert template["metadata"]["annotations"][RESTARTED_AT] == "2026-11-24T03:00:00Z"
    agent.answer(stage)
    assert stage.remediation_statuses() == ["verified"]
    assert stage.incident.status is IncidentStatus.RESOLVED


def test_a_simulation_changes_nothing(cluster: Cluster, probe: ClusterProbe) -> None:
    probe.deploy("web")
    performers = shipped_performers().with_entries(RestartDeploymentPerformer())
    typed = performers.parse("RestartDeployment", {"name": "web", "at": "now", "mode": "simulate"})
    assert not typed.phase.changes
    performers.perform(typed, NAMESPACE, cluster, Stopwatch(30))
    assert not probe.get("Deployment", "web")["spec"]["template"]["metadata"].get("annotations")


def test_an_agent_that_does_not_know_it_refuses_and_changes_nothing(
    stage: Any, cluster: Cluster, simulated_cluster: SimulatedCluster, probe: ClusterProbe, tmp_path: Path
) -> None:
    probe.deploy("web")
    stage.report("ThreadsStuck")
    stage.approve()
    old = Agent(
        cluster,
        Kubectl.find(None, simulated_cluster.kubeconfig, tmp_path / "home", 1 << 18),
        shipped_performers(),
    )
    old.answer(stage)
    assert stage.remediation.status is RemediationStatus.FAILED
    assert not probe.get("Deployment", "web")["spec"]["template"]["metadata"].get("annotations")
