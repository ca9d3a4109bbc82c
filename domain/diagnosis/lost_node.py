"""A node that does not answer: is it still gone, and could its pods go elsewhere?"""

from __future__ import annotations

from aetherius.domain.diagnosis.evidence import EvidenceFile
from aetherius.domain.diagnosis.verdict import Verdict, recovered, unknown
from aetherius.domain.wire.analysis import Evidence, Recommendation
from aetherius.domain.wire.repair import DrainNodeAnswer


def judge(file: EvidenceFile) -> Verdict:
    """Lost, recovered, or unknown when nobody could look."""
    drain = file.drain
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
    return [Evidence(source="drain_simulation", finding=finding, weight=0.4) for finding in findings]


def _recommend(drain: DrainNodeAnswer) -> Recommendation:
    moving = sum(p.decision == "evict" for p in drain.placements)
    return Recommendation(
        action="DrainNode",
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
