"""Why a node must be left alone as a whole: what it is, who else acts on it, and how much of the cluster is down with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from aetherius.domain.repair.drain_node import DrainNode
from aetherius.edge_agent.kubernetes_objects import ZONE, Node
from aetherius.edge_agent.marks import CORDONED

OTHERS_DOWN: Final = 2
"""Other nodes that are not ready: with so many, and a large share, it is not this node's own trouble."""
SHARE_DOWN: Final = 0.3
"""Of the cluster, or of the node's zone."""
_CONTROL_PLANE: Final = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
_AUTOSCALER: Final = (
    "ToBeDeletedByClusterAutoscaler",
    "DeletionCandidateOfClusterAutoscaler",
    "DeletionCandidate",
    "karpenter.sh/disruption",
    "karpenter.sh/disrupted",
    "karpenter.sh/unregistered",
)


def refusals(node: Node, nodes: Sequence[Node], order: DrainNode) -> list[str]:
    """All reasons, in words; none where the node may be drained."""
    reasons = (_is_control_plane(node), _is_cordoned(node, order), is_scaled_away(node), outage(node, nodes))
    return [each for each in reasons if each]


def is_scaled_away(node: Node) -> str:
    """Why an autoscaler is about to take the node; empty when none is."""
    name = node.metadata.name
    if node.metadata.deletion_timestamp is not None:
        return f"{name} is being deleted"
    marks = (*(taint.key for taint in node.spec.taints), *node.metadata.annotations)
    mark = next((each for each in marks if each in _AUTOSCALER), "")
    return f"an autoscaler has marked {name} ({mark}): it moves the pods itself" if mark else ""


def outage(node: Node, nodes: Sequence[Node]) -> str:
    """Why this is not one node's trouble; empty when it is."""
    for place, members in _scopes(node, nodes):
        down = [each for each in members if not _is_ready(each)]
        others = sum(each.metadata.name != node.metadata.name for each in down)
        count = others + (not _is_ready(node))
        whole = place != _CLUSTER and count == len(members) > 1
        if whole or (others >= OTHERS_DOWN and count / len(members) > SHARE_DOWN):
            return (
                f"{count} of {len(members)} nodes of {place} are not ready: it is an outage of {place}, not of one node, "
                "and moving pods about would make it worse"
            )
    return ""


_CLUSTER: Final = "the cluster"


def _scopes(node: Node, nodes: Sequence[Node]) -> Iterator[tuple[str, list[Node]]]:
    if zone := node.metadata.labels.get(ZONE, ""):
        yield f"zone {zone}", [each for each in nodes if each.metadata.labels.get(ZONE) == zone]
    yield _CLUSTER, list(nodes)


def _is_control_plane(node: Node) -> str:
    marks = (*node.metadata.labels, *(taint.key for taint in node.spec.taints))
    return f"{node.metadata.name} is a node of the control plane" if set(_CONTROL_PLANE) & set(marks) else ""


def _is_cordoned(node: Node, order: DrainNode) -> str:
    foreign = node.spec.unschedulable and CORDONED not in node.metadata.annotations
    if not foreign or order.over_cordon:
        return ""
    return f"{node.metadata.name} was cordoned by somebody else, who may be at work on it"


def _is_ready(node: Node) -> bool:
    return node.ready is not None and node.ready.status == "True"
