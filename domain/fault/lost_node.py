"""A node that is not ready: does its kubelet live and say why, or is it silent; and could its pods go elsewhere?"""

from __future__ import annotations

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis import node_trouble
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.node_trouble import trouble_of
from aetherius.domain.diagnosis.verdict import Verdict, recovered, unknown
from aetherius.domain.fault.fault import Fault
from aetherius.domain.fault.subject import Subject
from aetherius.domain.repair.drain_node import ENTRY as DRAIN
from aetherius.domain.repair.drain_node import DrainNodeAnswer
from aetherius.domain.repair.node_health import NodeHealthAnswer
from aetherius.domain.strategy import Strategy
from aetherius.domain.wire.analysis import Evidence, Recommendation


class LostNode(Fault):
    """The entry."""

    symptom = "node_not_ready"
    strategy = Strategy(
        id="lost-node",
        workflow="diagnose_lost_node",
        about="Wait out a flap; simulate the drain, ask, and move the pods elsewhere",
    )
    causes = {
        "NodeLost": frozenset({node_trouble.UNREACHABLE, node_trouble.OFF, "NodeNotReady"}),
        "NodeKubelet": frozenset({node_trouble.KUBELET}),
        "NodeRuntime": frozenset({node_trouble.RUNTIME}),
        "NodeNetwork": frozenset({node_trouble.NETWORK}),
        "NodeDisk": frozenset({node_trouble.DISK}),
        "NodeMemory": frozenset({node_trouble.MEMORY}),
        "NodePids": frozenset({node_trouble.PIDS}),
        "NodeKernel": frozenset({node_trouble.KERNEL}),
    }
    recoveries = frozenset({"NodeReady", "NodeRemoved"})
    told_to_end = True

    def is_sign(self, report: Reported) -> bool:
        """Told of a node, or by a pod on it. Of a pod whose node nobody knows it says nothing that could be looked into."""
        return report.reason == "NodeNotReady" and (report.labels.kind == "Node" or bool(report.labels.node))

    def judge(self, file: EvidenceFile) -> Verdict:
        """Lost, recovered, or unknown when nobody could look."""
        return _judge(file)

    def subject_of(self, report: Reported) -> Subject:
        """The node, also when a pod on it says so."""
        return Subject(
            cluster_id=report.cluster_id,
            namespace="",
            kind="Node",
            name=self.failing_of(report),
            symptom=self.symptom,
        )

    def failing_of(self, report: Reported) -> str:
        """The node itself."""
        return report.labels.name if report.labels.kind == "Node" else report.labels.node


ENTRY = LostNode()


def _judge(file: EvidenceFile) -> Verdict:
    """Lost or not ready with its cause, recovered, or unknown when nobody could look."""
    health, drain = file.answer(NodeHealthAnswer), file.answer(DrainNodeAnswer)
    if health is not None:
        return _told(health, drain)
    return _simulated(drain) if drain else unknown(Evidence(source="events", finding="the node could not be looked at"))


def _told(health: NodeHealthAnswer, drain: DrainNodeAnswer | None) -> Verdict:
    """By what the node and its kubelet say."""
    if health.ready == "True" or (drain and drain.ready == "True"):
        return recovered(Evidence(source="node", finding=f"node {health.node} is Ready now"))
    found = trouble_of(health)
    placements = _placements(drain) if drain else [_UNSEEN]
    moves = found.moving_helps and drain is not None and drain.feasible and not health.cordoned_by_other
    return Verdict(
        type=found.cause,
        confidence=found.confidence,
        evidence=[*found.evidence, *placements],
        recommendations=[_recommend(drain)] if drain and moves else [],
    )


def _simulated(drain: DrainNodeAnswer) -> Verdict:
    """By the simulated drain alone: an older agent cannot look at the node."""
    if drain.ready == "True":
        return recovered(Evidence(source="drain_simulation", finding=f"node {drain.node} is Ready now"))
    state = f"node {drain.node} is Ready={drain.ready} for {drain.not_ready_seconds:.0f} s"
    return Verdict(
        type=node_trouble.UNREACHABLE if drain.ready == "Unknown" else "NodeNotReady",
        confidence=0.9,
        evidence=[Evidence(source="drain_simulation", finding=state, weight=0.6), *_placements(drain)],
        recommendations=[_recommend(drain)] if drain.feasible else [],
    )


_TAINT_STEP = {
    True: ["let go of pods whose kubelet is dead (out-of-service taint), once the machine is known to be off"],
    False: list[str](),
}
_UNSEEN = Evidence(source="drain_simulation", finding="whether its pods could go elsewhere could not be looked at")


def _placements(drain: DrainNodeAnswer) -> list[Evidence]:
    moving = [p for p in drain.placements if p.decision == "evict"]
    stuck = [p for p in drain.placements if p.decision in ("forbidden", "no_room")]
    findings = [f"{len(moving)} pods can go elsewhere"]
    findings += [f"{p.namespace}/{p.pod}: {p.decision} ({p.why})" for p in stuck]
    findings += drain.refusals
    return [Evidence(source="drain_simulation", finding=finding, weight=0.4) for finding in findings]


def _recommend(drain: DrainNodeAnswer) -> Recommendation:
    moving = sum(p.decision == "evict" for p in drain.placements)
    return Recommendation(
        action=DRAIN.name,
        confidence=0.85,
        risk="high",
        impact=f"{moving} pods move off {drain.node}",
        steps=[f"cordon {drain.node}", f"evict {moving} pods", *_TAINT_STEP[drain.ready == "Unknown"]],
        rollback=[f"uncordon {drain.node}", "remove the taint"],
        parameters={"node": drain.node, "mode": "execute", "only_lost": True},
    )
