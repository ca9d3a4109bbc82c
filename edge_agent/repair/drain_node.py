"""Moves everything off a node: says first what would happen, then does it by evictions (so that budgets hold), and can take its own marks back.

For a node whose kubelet is dead the evicted pods would stay `Terminating` for ever: only then the out-of-service taint is set, on which the cluster lets
them go and detaches their volumes. It is wrong on a node that lives, so readiness is looked at again right before.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Final

import msgspec

from aetherius.domain.repair.answers import WorkloadRef
from aetherius.domain.repair.drain_node import ENTRY as ACTION
from aetherius.domain.repair.drain_node import DrainNode, DrainNodeAnswer, PodPlacement
from aetherius.edge_agent.errors import ClusterRefusedError, RepairRefusedError
from aetherius.edge_agent.kubernetes_objects import Metadata, Node, Pod
from aetherius.edge_agent.repair.cluster import Cluster, Document, Stopwatch, is_true, until_unchanged
from aetherius.edge_agent.repair.node_marks import cordon, restore, set_out_of_service
from aetherius.edge_agent.repair.performer import Job, Performer
from aetherius.edge_agent.repair.placement import Rooms

_MIRROR: Final = "kubernetes.io/config.mirror"
_DONE: Final = ("Succeeded", "Failed")
_GOING: Final = "is being deleted already"
_NAMESPACE_GOES: Final = "NamespaceTerminating"
"""Cause of a refused eviction: the pod goes with its namespace."""


class DrainNodePerformer(Performer[DrainNode]):
    """Refused: no such node; it came back (if only a lost one is meant); no other ready node, or a budget forbids (before anything is changed); or pods were
    left at the deadline (the node stays cordoned then, and a repeat goes on).
    """

    action = ACTION

    def simulate(self, job: Job[DrainNode]) -> DrainNodeAnswer:
        """Where each pod could go."""
        name, cluster = job.parameters.node, job.cluster
        cluster.node(name)
        placements, _ = _plan(name, cluster)
        return _answer(job.parameters, cluster.node(name), placements, cluster)

    def execute(self, job: Job[DrainNode]) -> DrainNodeAnswer:
        """Cordon, evict, and let go of what a dead kubelet holds."""
        order, cluster = job.parameters, job.cluster
        watch = job.watch.within(order.deadline_seconds)
        node = cluster.node(order.node)
        if order.only_lost and is_true(node, "Ready"):
            raise RepairRefusedError(f"{order.node} is Ready by now: it came back, and its pods run")
        placements, rooms = _plan(order.node, cluster)
        _refuse_unless_feasible(node, placements, rooms)
        _execute(order.node, placements, cluster, watch)
        return _answer(order, cluster.node(order.node), placements, cluster)

    def roll_back(self, job: Job[DrainNode]) -> DrainNodeAnswer:
        """Take our marks off the node."""
        name, cluster = job.parameters.node, job.cluster
        cluster.node(name)
        until_unchanged(lambda: restore(cluster, name))
        return _answer(job.parameters, cluster.node(name), [], cluster)


ENTRY = DrainNodePerformer()


def _plan(name: str, cluster: Cluster) -> tuple[list[PodPlacement], Rooms]:
    nodes = [msgspec.convert(each, Node) for each in cluster.api.list("/api/v1/nodes")]
    pods = [msgspec.json.decode(raw, type=Pod) for page in cluster.api.pages("/api/v1/pods") for raw in page.items]
    rooms = Rooms(nodes, pods, without=name)
    return [_place(pod, rooms, cluster) for pod in pods if pod.spec.node_name == name], rooms


def _place(pod: Pod, rooms: Rooms, cluster: Cluster) -> PodPlacement:
    owner = pod.metadata.controller
    kind, name = (owner.kind, owner.name) if owner else ("", "")

    def decided(decision: Document) -> PodPlacement:
        return PodPlacement(
            namespace=pod.metadata.namespace, pod=pod.metadata.name, owner_kind=kind, owner_name=name, **decision
        )

    if why := _why_stays(pod, kind):
        return decided({"decision": "skip", "why": why})
    if pod.metadata.deletion_timestamp is not None:
        return decided({"decision": "evict", "why": _GOING})
    ruling, why = _ruling(pod, cluster)
    if ruling is not _Ruling.ALLOWED:
        return decided({"decision": "evict" if ruling is _Ruling.GOING else "forbidden", "why": why})
    if target := rooms.place(pod):
        return decided({"decision": "evict", "target": target})
    return decided({"decision": "no_room", "why": "no other ready node can take it"})


def _why_stays(pod: Pod, owner_kind: str) -> str:
    if _MIRROR in pod.metadata.annotations or owner_kind == "Node":
        return "a static pod of the node"
    if owner_kind == "DaemonSet":
        return "a DaemonSet's pod"
    if pod.status.phase in _DONE:
        return "it has ended"
    return "" if owner_kind else "nobody would start it again: it is left alone"


class _Ruling(enum.Enum):
    """What the server would say to an eviction."""

    ALLOWED = enum.auto()
    GOING = enum.auto()
    """It is being deleted without us."""
    FORBIDDEN = enum.auto()


def _ruling(pod: Pod, cluster: Cluster) -> tuple[_Ruling, str]:
    """What an eviction in dry run says, and why: the server knows the budgets best."""
    try:
        _evict(pod.metadata.namespace, pod.metadata.name, cluster, dry_run=True)
    except ClusterRefusedError as exc:
        if _NAMESPACE_GOES in exc.causes:
            return _Ruling.GOING, _GOING
        if exc.status == 429:
            return _Ruling.FORBIDDEN, exc.message or "a disruption budget refuses"
        if exc.status != 404:
            raise
    return _Ruling.ALLOWED, ""


def _evict(namespace: str, pod: str, cluster: Cluster, *, dry_run: bool) -> None:
    body: Document = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace},
    }
    if dry_run:
        body["deleteOptions"] = {"dryRun": ["All"]}
    cluster.api.create(f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction", body, dry_run=dry_run)


def _refuse_unless_feasible(node: Document, placements: list[PodPlacement], rooms: Rooms) -> None:
    if not rooms:
        raise RepairRefusedError(f"{node['metadata']['name']} is the only ready node: its pods have nowhere to go")
    for each in placements:
        if each.decision == "forbidden":
            raise RepairRefusedError(f"{each.namespace}/{each.pod} must not be evicted: {each.why}")
        if each.decision == "no_room" and is_true(node, "Ready"):
            raise RepairRefusedError(f"{each.namespace}/{each.pod} has no room elsewhere, and runs where it is")


def _execute(name: str, placements: list[PodPlacement], cluster: Cluster, watch: Stopwatch) -> None:
    until_unchanged(lambda: cordon(cluster, name))
    waiting = {(each.namespace, each.pod) for each in placements if each.decision in ("evict", "no_room")}
    todo = waiting
    while todo := {pod for pod in todo if not _evicted(*pod, cluster)}:
        if not watch.wait():
            raise RepairRefusedError(f"budgets held {len(todo)} pods back until the deadline; {name} stays cordoned")
    until_unchanged(lambda: set_out_of_service(cluster, name))
    while left := _still_there(name, waiting, cluster):
        if not watch.wait():
            raise RepairRefusedError(f"{len(left)} pods have not left until the deadline; {name} stays cordoned")


def _evicted(namespace: str, pod: str, cluster: Cluster) -> bool:
    """Whether the eviction was taken; a budget that refuses now may allow later."""
    try:
        _evict(namespace, pod, cluster, dry_run=False)
    except ClusterRefusedError as exc:
        if exc.status in (404, 409) or _NAMESPACE_GOES in exc.causes:  # gone, or being deleted by somebody else
            return True
        if exc.status != 429:
            raise
        return False
    return True


def must_move(pod: Document) -> bool:
    """Whether a drain would move a pod off its node."""
    typed = msgspec.convert(pod, Pod)
    owner = typed.metadata.controller
    return not _why_stays(typed, owner.kind if owner else "")


def _still_there(name: str, waiting: set[tuple[str, str]], cluster: Cluster) -> set[tuple[str, str]]:
    pods = cluster.api.list("/api/v1/pods", field_selector=f"spec.nodeName={name}")
    return waiting & {(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in pods}


def _answer(action: DrainNode, node: Document, placements: list[PodPlacement], cluster: Cluster) -> DrainNodeAnswer:
    ready = msgspec.convert(node, Node).ready
    status = ready.status if ready else "Unknown"
    since = ready.last_transition_time if ready else None
    away = (datetime.now(UTC) - since).total_seconds() if since and status != "True" else 0.0
    taints = node["spec"].get("taints") or ()
    return DrainNodeAnswer(
        node=action.node,
        mode=action.mode,
        ready=status,
        not_ready_seconds=round(max(away, 0.0), 1),
        placements=placements,
        feasible=all(each.decision in ("evict", "skip") for each in placements) or action.mode == "execute",
        cordoned=bool(node["spec"].get("unschedulable")),
        tainted=any(each["key"] == "node.kubernetes.io/out-of-service" for each in taints),
        workloads=_workloads(placements, cluster),
    )


def _workloads(placements: list[PodPlacement], cluster: Cluster) -> list[WorkloadRef]:
    """The workloads whose pods must move: a ReplicaSet's Deployment instead of itself."""
    owners = {
        (each.namespace, each.owner_kind, each.owner_name)
        for each in placements
        if each.decision != "skip" and each.owner_kind
    }
    return [
        WorkloadRef(kind=kind, namespace=namespace, name=name)
        for namespace, kind, name in sorted({_top(owner, cluster) for owner in owners})
    ]


def _top(owner: tuple[str, str, str], cluster: Cluster) -> tuple[str, str, str]:
    namespace, kind, name = owner
    if kind != "ReplicaSet":
        return owner
    found = cluster.api.find(f"/apis/apps/v1/namespaces/{namespace}/replicasets/{name}")
    above = msgspec.convert(found["metadata"], Metadata).controller if found else None
    return (namespace, above.kind, above.name) if above else owner
