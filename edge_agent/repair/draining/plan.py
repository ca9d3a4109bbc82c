"""What a drain would do to each pod of a node, and what the out-of-service taint would do to it: decided before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from aetherius.domain.repair.drain_node import DrainNode, PodPlacement
from aetherius.edge_agent.errors import ClusterRefusedError
from aetherius.edge_agent.kubernetes_objects import Node
from aetherius.edge_agent.marks import CORDONED
from aetherius.edge_agent.repair.cluster import Cluster, Document, Stopwatch
from aetherius.edge_agent.repair.draining.eviction import Ruling, asked
from aetherius.edge_agent.repair.draining.node_refusals import is_scaled_away, refusals
from aetherius.edge_agent.repair.node_marks import OUT_OF_SERVICE
from aetherius.edge_agent.repair.protection import why_protected
from aetherius.edge_agent.repair.scheduling.pods import SchedulingPod
from aetherius.edge_agent.repair.scheduling.rooms import Rooms, tolerates
from aetherius.edge_agent.repair.scheduling.selectors import selects
from aetherius.edge_agent.repair.scheduling.volumes import Volumes, local_data

BARE: Final = "nobody would start it again: it is left alone"
_MIRROR: Final = "kubernetes.io/config.mirror"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen."""

    placements: list[PodPlacement]
    refusals: list[str]
    protected: list[str]
    """What asks for a person's yes."""
    has_room: bool
    """There is another node that can take pods at all."""

    @property
    def lost_by_taint(self) -> list[str]:
        """Pods that only this node has, which the taint would remove for good."""
        return [f"{each.namespace}/{each.pod}" for each in self.placements if each.lost_by_taint and each.why == BARE]


def plan(order: DrainNode, cluster: Cluster, watch: Stopwatch) -> Plan:
    """Look at everything, change nothing."""
    nodes = [msgspec.convert(each, Node) for each in cluster.api.list("/api/v1/nodes")]
    pods = list(_pods(cluster))
    node = next(each for each in nodes if each.metadata.name == order.node)
    leaving = {each.metadata.name for each in nodes if is_scaled_away(each)}
    rooms = Rooms(nodes, pods, order.node, Volumes(cluster.api), leaving)
    _reserve(rooms, nodes, pods, order.node)
    planner = _Planner(order, node, rooms, cluster, watch)
    mine = [pod for pod in pods if pod.spec.node_name == order.node]
    placements = [planner.place(pod) for pod in mine]
    return Plan(
        placements=placements,
        refusals=refusals(node, nodes, order),
        protected=list(_protected(cluster, placements)),
        has_room=bool(rooms),
    )


def why_stays(pod: SchedulingPod) -> str:
    """Why a drain would leave a pod where it is; empty when it must move."""
    owner = pod.metadata.controller
    kind = owner.kind if owner else ""
    if _MIRROR in pod.metadata.annotations or kind == "Node":
        return "a static pod of the node"
    if kind == "DaemonSet":
        return "a DaemonSet's pod"
    if pod.ended:
        return "it has ended"
    return "" if kind else BARE


def _pods(cluster: Cluster) -> Iterator[SchedulingPod]:
    for page in cluster.api.pages("/api/v1/pods"):
        for raw in page.items:
            yield msgspec.json.decode(raw, type=SchedulingPod)


def _reserve(rooms: Rooms, nodes: list[Node], pods: list[SchedulingPod], name: str) -> None:
    """Give away first what is spoken for: pods that wait for a node, and those of other nodes that we are draining."""
    ours = {each.metadata.name for each in nodes if CORDONED in each.metadata.annotations} - {name}
    for pod in pods:
        waits = not pod.spec.node_name and not pod.ended and not pod.going
        if waits or (pod.spec.node_name in ours and not pod.going and not why_stays(pod)):
            rooms.place(pod)


class _Planner:
    """Decides pod by pod, in the order in which they take room."""

    def __init__(self, order: DrainNode, node: Node, rooms: Rooms, cluster: Cluster, watch: Stopwatch) -> None:
        self._order, self._node, self._rooms, self._cluster, self._watch = order, node, rooms, cluster, watch
        self._is_ready = node.ready is not None and node.ready.status == "True"
        self._budgets = _listed(cluster, "/apis/policy/v1/poddisruptionbudgets")

    def place(self, pod: SchedulingPod) -> PodPlacement:
        owner = pod.metadata.controller
        return PodPlacement(
            namespace=pod.metadata.namespace,
            pod=pod.metadata.name,
            owner_kind=owner.kind if owner else "",
            owner_name=owner.name if owner else "",
            owner_uid=owner.uid if owner else "",
            uid=pod.metadata.uid,
            ready=pod.ready,
            lost_by_taint=not tolerates(pod, OUT_OF_SERVICE, "nodeshutdown")
            and _MIRROR not in pod.metadata.annotations,
            budgets=self._budgets_of(pod),
            local_data=local_data(pod),
            **self._decided(pod),
        )

    def _decided(self, pod: SchedulingPod) -> dict[str, Any]:
        if why := why_stays(pod):
            return {"decision": "skip", "why": why}
        if pod.going:
            return {"decision": "evict", "why": "is being deleted already"}
        if (held := self._held(pod)) is not None:
            return held
        target, why = self._rooms.place(pod)
        return {"decision": "evict", "target": target} if target else {"decision": "no_room", "why": why}

    def _held(self, pod: SchedulingPod) -> dict[str, Any] | None:
        """What keeps it besides room: its budget, or data that only this node has. A pod that does not serve blocks nobody: it is left, not forced."""
        empty = [each for each in local_data(pod) if each.startswith("emptyDir")]
        if empty and self._is_ready and not self._order.may_lose_data:
            return {"decision": "forbidden", "why": f"its data would be lost: {', '.join(empty)}"}
        verdict = asked(self._cluster, pod.metadata.namespace, pod.metadata.name, pod.metadata.uid, self._watch)
        match verdict.ruling:
            case Ruling.GOING:
                return {"decision": "evict", "why": verdict.why}
            case Ruling.BUDGET if not pod.ready and not self._is_ready:
                return {"decision": "skip", "why": f"it is not Ready, and a budget refuses: {verdict.why}"}
            case Ruling.BUDGET | Ruling.THROTTLED:
                return {"decision": "forbidden", "why": verdict.why}
            case _:
                return None

    def _budgets_of(self, pod: SchedulingPod) -> list[str]:
        here = (each for each in self._budgets if each["metadata"].get("namespace") == pod.metadata.namespace)
        return [each["metadata"]["name"] for each in here if selects(each["spec"].get("selector"), pod.metadata.labels)]


def _protected(cluster: Cluster, placements: list[PodPlacement]) -> Iterator[str]:
    namespaces = sorted({each.namespace for each in placements if each.decision != "skip"})
    for namespace in namespaces:
        if why := why_protected(cluster, namespace):
            yield f"pods of {namespace} would move: {why}"


def _listed(cluster: Cluster, path: str) -> list[Document]:
    """A list that only adds words to the answer: without the right to it there are fewer of them."""
    try:
        return cluster.api.list(path)
    except ClusterRefusedError as exc:
        if exc.status in (403, 404):
            return []
        raise
