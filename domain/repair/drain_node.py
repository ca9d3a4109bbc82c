"""Move everything off a node that is lost: cordon, evictions, and marks that are taken off again once the node is back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from aetherius.domain.brake import ActionLimits
from aetherius.domain.repair.action import Foreseen, Mode, Order, Outcome, Phase, Repair, decoded
from aetherius.domain.repair.answers import Name, WorkloadRef
from aetherius.domain.repair.patience import Patience
from aetherius.domain.risk import RiskLevel

_TOLD: Final = 5
"""Pods that a summary names; the answer has them all."""
Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=600.0)]


class DrainNode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Move everything off a node.

    `simulate` changes nothing: it says where the pods could go and what forbids. `execute` cordons, evicts, and sets the out-of-service taint only on a
    node that is shown to be off, so that pods of a dead kubelet are let go. `restore` takes cordon and taint back (only ours).
    """

    node: Name
    mode: Mode
    deadline_seconds: Seconds = 60.0
    only_lost: bool = False
    """`execute` is refused when the node is Ready by now: it came back while somebody thought."""
    lease_periods: Annotated[float, msgspec.Meta(ge=3.0, le=100.0)] = 7.5
    """The taint is set only once the node's lease is older than so many of its own durations: 300 s for the 40 s of Kubernetes."""
    confirmed_down: bool = False
    """A person says that the machine is off: counts like the cloud's own shutdown taint."""
    over_cordon: bool = False
    """A person says that the cordon that somebody else set is known, and no reason to leave the node alone."""
    may_lose_data: bool = False
    """A person says that what lies on the node alone may be lost: pods that nobody starts again, data of `emptyDir` volumes."""
    approved_by_person: bool = False
    """Set by the platform alone, once a person has approved the order."""
    seen: list[str] = []
    """The facts that the approved plan stood on: with others, nothing is changed."""


class PodPlacement(msgspec.Struct, frozen=True, kw_only=True):
    """Where one pod of a node could go."""

    namespace: str
    pod: str
    owner_kind: str
    owner_name: str
    decision: Literal["evict", "skip", "forbidden", "no_room"]
    """`skip`: a DaemonSet's or mirror pod, or one that is left where it is; `forbidden`: a budget, or data that would be lost; `no_room`: no other ready
    node can take it."""
    target: str = ""
    why: str = ""
    uid: str = ""
    owner_uid: str = ""
    ready: bool = False
    lost_by_taint: bool = False
    """The out-of-service taint would remove it, whatever its decision and its budgets."""
    budgets: list[str] = []
    """Disruption budgets that count it."""
    local_data: list[str] = []
    """Volumes whose data lies on this node."""


class DrainNodeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent answers, in every mode."""

    node: str
    mode: str
    ready: str
    """The node's Ready condition: `True`, `False` or `Unknown`."""
    not_ready_seconds: float
    """Seconds since the Ready condition left `True`; 0 for a ready node."""
    placements: list[PodPlacement]
    feasible: bool
    """Every pod that must move can, and nothing forbids the drain; after `execute`: every pod that must move was told to."""
    cordoned: bool = False
    tainted: bool = False
    workloads: list[WorkloadRef] = []
    refusals: list[str] = []
    """Why the drain as a whole is refused, or would be."""
    warnings: list[str] = []
    """What a person should know before saying yes."""
    taint: str = ""
    """Why there is no out-of-service taint, or what it removes."""
    left: list[str] = []
    """Pods that should have moved and are still there, each with why."""
    moved: int | None = None
    """Pods that are gone from the node; None: an older agent did not count."""
    ended: str = ""
    """Why it ended before all was done; empty when all was."""
    seen: list[str] = []
    """Simulated: the facts that it stands on."""
    neighbours: list[str] = []
    """Executed: workloads that were well before, as `Kind/namespace/name@generation`."""


class DrainNodeRepair(Repair[DrainNode]):
    """The entry."""

    name = "DrainNode"
    parameters = DrainNode
    choice = "drain_node"
    base_risk = (RiskLevel.HIGH, "moves every pod of a node")
    limits = ActionLimits(at_once=1, an_hour=2)
    """One node at a time: what the first drain moves must find its room before the second is judged."""
    spoken: ClassVar[Mapping[str, str]] = {
        "confirmed_down": "confirmed down",
        "over_cordon": "over the cordon",
        "may_lose_data": "may lose data",
    }

    def phase(self, parameters: DrainNode) -> Phase:
        """By its mode."""
        return Phase(parameters.mode)

    def object_of(self, parameters: DrainNode) -> str:
        """The node."""
        return parameters.node

    def outcome(self, output: str) -> Outcome | None:
        """From the agent's placements."""
        answer = decoded(output, DrainNodeAnswer)
        if answer is None:
            return None
        undo = Order(action=self.name, parameters={"node": answer.node, "mode": "restore"})
        if answer.mode == "restore":
            return Outcome(summary=f"our marks are off {answer.node}")
        return Outcome(summary=_summary(answer), undo=undo, done=answer.feasible)

    def foreseen(self, output: str) -> Foreseen | None:
        """From the agent's placements."""
        answer = decoded(output, DrainNodeAnswer)
        if answer is None:
            return None
        moved = [each for each in answer.placements if each.decision == "evict"]
        stuck = [each for each in answer.placements if each.decision in ("forbidden", "no_room")]
        could_not = ", ".join(f"{each.namespace}/{each.pod} ({each.why})" for each in stuck)
        told = [f"cordon {answer.node} and move {len(moved)} pods"]
        told += [f"it could not move {could_not}"] if stuck else []
        return Foreseen(
            told="; ".join([*told, *answer.refusals]),
            possible=answer.feasible,
            diff=[f"node {answer.node}: unschedulable: {str(answer.cordoned).lower()} -> true"]
            + [f"pod {each.namespace}/{each.pod}: {answer.node} -> {each.target or 'gone'}" for each in moved],
            affected=[f"{each.namespace}/{each.kind}/{each.name}" for each in answer.workloads],
            warnings=[*answer.warnings, *([f"out-of-service taint: {answer.taint}"] if answer.taint else [])],
            undo="cordon and taint come off once the node is back, or the drain has failed; the pods stay where they are",
            seen=answer.seen,
        )

    def verification(self, parameters: DrainNode, output: str, patience: Patience) -> Order:
        """What ran there is Ready elsewhere. Where the answer cannot be read nobody knows what ran there: then, that nothing is left to move, and no
        workload of the cluster waits."""
        answer = decoded(output, DrainNodeAnswer)
        workloads = [msgspec.to_builtins(each) for each in answer.workloads] if answer else []
        where = {"node": parameters.node, "workloads": workloads, "deadline_seconds": patience.rollout}
        if answer is None:
            return Order(action="VerifyEvacuation", parameters={**where, "only_left": True})
        beside = {"neighbours": answer.neighbours} if answer.neighbours else {}
        return Order(action="VerifyEvacuation", parameters={**where, **beside})

    def clean_up(self, parameters: DrainNode) -> Order:
        """Cordon and taint off; the agent only takes off its own."""
        return Order(action=self.name, parameters={"node": parameters.node, "mode": "restore"})


def _summary(answer: DrainNodeAnswer) -> str:
    moved = answer.moved
    if moved is None:
        moved = sum(each.decision == "evict" for each in answer.placements)
    taint = ", out-of-service taint set" if answer.tainted else ""
    told = [f"cordoned {answer.node} and moved {moved} pods{taint}"]
    told += [f"it ended early: {answer.ended}"] if answer.ended else []
    told += [f"no taint: {answer.taint}"] if answer.taint and answer.left and not answer.tainted else []
    told += [f"{len(answer.left)} left: {', '.join(answer.left[:_TOLD])}"] if answer.left else []
    return "; ".join(told)


ENTRY = DrainNodeRepair()
