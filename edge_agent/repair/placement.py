"""Where the pods of a node could go: a simple count of requests against what other ready nodes have left.

It looks at readiness, cordons, taints, node selectors, memory, CPU and the number of pods. The scheduler looks at more (affinity, spreading, volumes), so
this can promise too much, never forbid what would go.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.quantity import parse_memory
from aetherius.edge_agent.kubernetes_objects import Node, Pod, Taint, Toleration

_DONE = ("Succeeded", "Failed")


class Room(msgspec.Struct):
    """What is left on a node: bytes, thousandths of a core, pods."""

    node: Node
    memory: int
    cpu: int
    pods: int


class Rooms:
    """The nodes that can take pods, and what is left on them; `place` takes it."""

    def __init__(self, nodes: Iterable[Node], pods: Iterable[Pod], without: str) -> None:
        self._rooms = {
            node.metadata.name: _whole(node) for node in nodes if node.metadata.name != without and can_take_pods(node)
        }
        for pod in pods:
            if (room := self._rooms.get(pod.spec.node_name)) and pod.status.phase not in _DONE:
                _take(room, pod)

    def __bool__(self) -> bool:
        return bool(self._rooms)

    def place(self, pod: Pod) -> str:
        """The node with the most memory left that can take the pod, or empty."""
        fitting = [room for room in self._rooms.values() if _fits(room, pod)]
        if not fitting:
            return ""
        best = max(fitting, key=lambda room: room.memory)
        _take(best, pod)
        return best.node.metadata.name


def can_take_pods(node: Node) -> bool:
    """Ready and not cordoned."""
    return node.ready is not None and node.ready.status == "True" and not node.spec.unschedulable


def _whole(node: Node) -> Room:
    have = node.status.allocatable
    return Room(node, _amount(have.get("memory", 0)), _cpu(have.get("cpu", 0)), _amount(have.get("pods", 110)))


def _take(room: Room, pod: Pod) -> None:
    memory, cpu = _requests(pod)
    room.memory -= memory
    room.cpu -= cpu
    room.pods -= 1


def _fits(room: Room, pod: Pod) -> bool:
    memory, cpu = _requests(pod)
    labels = room.node.metadata.labels
    return (
        memory <= room.memory
        and cpu <= room.cpu
        and room.pods >= 1
        and all(labels.get(key) == value for key, value in pod.spec.node_selector.items())
        and all(_bears(pod.spec.tolerations, taint) for taint in room.node.spec.taints)
    )


def _bears(tolerations: Iterable[Toleration], taint: Taint) -> bool:
    if taint.effect == "PreferNoSchedule":
        return True
    return any(
        (not each.key or each.key == taint.key)
        and (not each.effect or each.effect == taint.effect)
        and (each.operator == "Exists" or each.value == taint.value)
        for each in tolerations
    )


def _requests(pod: Pod) -> tuple[int, int]:
    memory = sum(_amount(each.resources.requests.get("memory", 0)) for each in pod.spec.containers)
    return memory, sum(_cpu(each.resources.requests.get("cpu", 0)) for each in pod.spec.containers)


def _amount(quantity: str | float) -> int:
    try:
        return parse_memory(str(quantity))
    except InvalidMessageError:
        return 0  # an exotic unit: rather promise too much than stop


def _cpu(quantity: str | float) -> int:
    text = str(quantity)
    try:
        return int(text[:-1]) if text.endswith("m") else round(float(text) * 1000)
    except ValueError:
        return 0
