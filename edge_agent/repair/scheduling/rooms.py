"""Where the pods of a node could go: what the other nodes have left, and the rules of the scheduler that forbid.

It looks at readiness, cordons, taints, every requested resource, node selectors and affinity, pod affinity and anti-affinity, even spreading, and volumes.
It does not know host ports, preemption by priority, or other schedulers. Room that is promised already (to pods that wait for a node, and to pods of other
nodes that we are draining) is not there any more.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

import msgspec

from aetherius.edge_agent.kubernetes_objects import Node, Taint, Toleration
from aetherius.edge_agent.repair.scheduling.neighbours import Neighbourhood, Neighbours, is_chosen
from aetherius.edge_agent.repair.scheduling.pods import SchedulingPod
from aetherius.edge_agent.repair.scheduling.requests import Amounts, capacity_of, lacking, requests_of
from aetherius.edge_agent.repair.scheduling.volumes import Volumes


class Room(msgspec.Struct):
    """What is left on a node, by resource."""

    node: Node
    left: dict[str, float]

    def take(self, pod: SchedulingPod) -> None:
        """Give a pod its part."""
        for name, wanted in requests_of(pod).items():
            self.left[name] = self.left.get(name, 0.0) - wanted


class Rooms:
    """The nodes that can take pods, and what is left on them; `place` takes it."""

    def __init__(
        self,
        nodes: Iterable[Node],
        pods: Iterable[SchedulingPod],
        without: str,
        volumes: Volumes,
        leaving: Container[str] = (),
    ) -> None:
        """`without`: the node to be emptied; its pods are nowhere, as far as the others are concerned. `leaving`: nodes that take no pods any more."""
        nodes = list(nodes)
        self._volumes = volumes
        self._rooms = {
            node.metadata.name: Room(node, capacity_of(node.status.allocatable))
            for node in nodes
            if node.metadata.name != without and node.metadata.name not in leaving and can_take_pods(node)
        }
        self._neighbours = Neighbourhood(nodes)
        for pod in pods:
            if pod.spec.node_name != without and not pod.ended:
                self._settle(pod, pod.spec.node_name)

    def __bool__(self) -> bool:
        return bool(self._rooms)

    def place(self, pod: SchedulingPod) -> tuple[str, str]:
        """The node with the most memory left that can take the pod, or empty with why none can."""
        wanted, neighbours = requests_of(pod), self._neighbours.of(pod)
        objections = {name: self._objection(pod, room, wanted, neighbours) for name, room in self._rooms.items()}
        fitting = [name for name, why in objections.items() if not why]
        if not fitting:
            return "", _most_common(objections)
        best = max(fitting, key=lambda name: self._rooms[name].left.get("memory", 0.0))
        self._settle(pod, best)
        return best, ""

    def _settle(self, pod: SchedulingPod, node: str) -> None:
        if room := self._rooms.get(node):
            room.take(pod)
        if node:
            self._neighbours.settle(pod, node)

    def _objection(self, pod: SchedulingPod, room: Room, wanted: Amounts, neighbours: Neighbours) -> str:
        node = room.node
        if taint := next((each for each in node.spec.taints if not _bears(pod.spec.tolerations, each)), None):
            return f"taint {taint.key}"
        if not is_chosen(pod, node):
            return "its node selector or affinity"
        if resource := lacking(wanted, room.left):
            return f"too little {resource}"
        return neighbours.objection(node) or self._volumes.objection(pod, node)


def can_take_pods(node: Node) -> bool:
    """Ready and not cordoned."""
    return node.ready is not None and node.ready.status == "True" and not node.spec.unschedulable


def tolerates(pod: SchedulingPod, key: str, value: str = "", effect: str = "NoExecute") -> bool:
    """Whether a taint would leave the pod alone."""
    return _bears(pod.spec.tolerations, Taint(key=key, value=value, effect=effect))


def _most_common(objections: dict[str, str]) -> str:
    reasons = list(objections.values())
    told = sorted(set(reasons), key=lambda why: (-reasons.count(why), why))
    return f"no other ready node can take it: {', '.join(told[:3])}" if told else "there is no other ready node"


def _bears(tolerations: Iterable[Toleration], taint: Taint) -> bool:
    if taint.effect == "PreferNoSchedule":
        return True
    return any(
        (not each.key or each.key == taint.key)
        and (not each.effect or each.effect == taint.effect)
        and (each.operator == "Exists" or each.value == taint.value)
        for each in tolerations
    )
