"""A node that does not answer: is it still gone, and could its pods go elsewhere?"""

from __future__ import annotations

from aetherius.domain.cluster_event import Reported
from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.verdict import Verdict, recovered, unknown
from aetherius.domain.fault.fault import Fault
from aetherius.domain.fault.subject import Subject
from aetherius.domain.repair.drain_node import ENTRY as DRAIN
from aetherius.domain.repair.drain_node import DrainNodeAnswer
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
    causes = {"NodeLost": frozenset({"NodeUnreachable", "NodeNotReady"})}
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
    """Lost, recovered, or unknown when nobody could look."""
    drain = file.answer(DrainNodeAnswer)
    if drain is None:
        return unknown(Evidence(source="events", finding="the node's pods could not be looked at"))
    if drain.ready == "True":
        return recovered(Evidence(source="drain_simulation", finding=f"node {drain.node} is Ready now"))
    state = f"node {drain.node} is Ready={drain.ready} for {drain.not_ready_seconds:.0f} s"
    return Verdict(
        type="NodeUnreachable",
        confidence=0.9,
        evidence=[Evidence(source="drain_simulation", finding=state, weight=0.6), *_placements(drain)],
        recommendations=[_recommend(drain)] if drain.feasible else [],
    )


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
        steps=[
            f"cordon {drain.node}",
            f"evict {moving} pods",
            "let go of pods whose kubelet is dead (out-of-service taint)",
        ],
        rollback=[f"uncordon {drain.node}", "remove the taint"],
        parameters={"node": drain.node, "mode": "execute", "only_lost": True},
    )
