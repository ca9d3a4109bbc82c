"""Move everything off a node that is lost: cordon, evictions, and marks that are taken off again once the node is back."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from aetherius.domain.brake import ActionLimits
from aetherius.domain.repair.action import Mode, Order, Outcome, Phase, Repair, decoded
from aetherius.domain.repair.answers import Name, WorkloadRef
from aetherius.domain.repair.patience import Patience
from aetherius.domain.risk import RiskLevel

Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=600.0)]


class DrainNode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Move everything off a node.

    `simulate` changes nothing: it says where the pods could go and which budgets forbid. `execute` cordons, evicts, and, only while the node is not
    ready, sets the out-of-service taint, so that pods of a dead kubelet are let go. `restore` takes cordon and taint back (only ours).
    """

    node: Name
    mode: Mode
    deadline_seconds: Seconds = 60.0
    only_lost: bool = False
    """`execute` is refused when the node is Ready by now: it came back while somebody thought."""


class PodPlacement(msgspec.Struct, frozen=True, kw_only=True):
    """Where one pod of a node could go."""

    namespace: str
    pod: str
    owner_kind: str
    owner_name: str
    decision: Literal["evict", "skip", "forbidden", "no_room"]
    """`skip`: a DaemonSet's or mirror pod; `forbidden`: a budget refuses; `no_room`: no other ready node has the room."""
    target: str = ""
    why: str = ""


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
    """Every pod that must move can."""
    cordoned: bool = False
    tainted: bool = False
    workloads: list[WorkloadRef] = []


class DrainNodeRepair(Repair[DrainNode]):
    """The entry."""

    name = "DrainNode"
    parameters = DrainNode
    choice = "drain_node"
    base_risk = (RiskLevel.HIGH, "moves every pod of a node")
    limits = ActionLimits(at_once=1, an_hour=2)
    """One node at a time: what the first drain moves must find its room before the second is judged."""

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
        moved = sum(each.decision == "evict" for each in answer.placements)
        taint = ", out-of-service taint set" if answer.tainted else ""
        summary = f"cordoned {answer.node} and moved {moved} pods{taint}"
        return Outcome(summary=summary, undo=undo, done=answer.feasible)

    def simulated(self, output: str) -> str:
        """From the agent's placements."""
        answer = decoded(output, DrainNodeAnswer)
        if answer is None:
            return "what it would do cannot be read"
        moved = [each for each in answer.placements if each.decision == "evict"]
        stuck = [
            f"{each.namespace}/{each.pod} ({each.why})"
            for each in answer.placements
            if each.decision in ("forbidden", "no_room")
        ]
        return f"cordon {answer.node} and move {len(moved)} pods" + (
            f"; it could not move {', '.join(stuck)}" if stuck else ""
        )

    def verification(self, parameters: DrainNode, output: str, patience: Patience) -> Order:
        """What ran there is Ready elsewhere. Where the answer cannot be read nobody knows what ran there: then, that nothing is left to move, and no
        workload of the cluster waits."""
        answer = decoded(output, DrainNodeAnswer)
        workloads = [msgspec.to_builtins(each) for each in answer.workloads] if answer else []
        where = {"node": parameters.node, "workloads": workloads, "deadline_seconds": patience.rollout}
        return Order(action="VerifyEvacuation", parameters=where if answer else {**where, "only_left": True})

    def clean_up(self, parameters: DrainNode) -> Order:
        """Cordon and taint off; the agent only takes off its own."""
        return Order(action=self.name, parameters={"node": parameters.node, "mode": "restore"})


ENTRY = DrainNodeRepair()
