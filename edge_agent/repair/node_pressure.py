"""Reads what is told of a node's memory: kills for all of it, and its conditions.

The kubelet tells such a kill as `SystemOOM`. The node-problem-detector has one reason, `OOMKilling`, for these and for kills at a container's limit: the
kernel's words tell them apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from aetherius.domain.repair.node_pressure import ENTRY as ACTION
from aetherius.domain.repair.node_pressure import NodePressure, NodePressureAnswer, SystemKill
from aetherius.edge_agent.errors import ClusterRefusedError, RepairRefusedError
from aetherius.edge_agent.kubernetes_objects import ClusterEvent, read_object
from aetherius.edge_agent.redaction import mask_start
from aetherius.edge_agent.repair.cluster import Cluster, is_true
from aetherius.edge_agent.repair.performer import Job, Performer
from aetherius.edge_agent.telling.observation import MAX_MESSAGE, shortened
from aetherius.edge_agent.watching.events import observed_at

_REASONS: Final = {"SystemOOM": re.compile(""), "OOMKilling": re.compile(r"\bOut of memory\b")}
"""With the words that a message must have. Of a container at its limit the kernel says `Memory cgroup out of memory`."""
_EVENTS: Final = "/api/v1/namespaces/default/events"
"""Where the events of nodes lie."""
_T = TypeVar("_T")
_PRESSURES: Final = ("MemoryPressure", "DiskPressure", "PIDPressure")


class NodePressurePerformer(Performer[NodePressure]):
    """Refused: the pod is gone, or is on no node. What cannot be read of the node is named, and left out."""

    action = ACTION

    def read(self, job: Job[NodePressure]) -> NodePressureAnswer:
        """Its kills and pressures."""
        node, unread = _node_of(job.namespace, job.parameters.pod, job.cluster), list[str]()
        kills = _read("events", lambda: _kills(node, job.cluster), unread)
        pressures = _read("conditions", lambda: _pressures(node, job.cluster), unread)
        return NodePressureAnswer(node=node, system_kills=kills, pressures=pressures, unread=unread)


ENTRY = NodePressurePerformer()


def _node_of(namespace: str, pod: str, cluster: Cluster) -> str:
    found = cluster.api.find(f"/api/v1/namespaces/{namespace}/pods/{pod}")
    node = ((found or {}).get("spec") or {}).get("nodeName")
    if not node:
        raise RepairRefusedError(f"pod {namespace}/{pod} is on no node")
    return str(node)


def _kills(node: str, cluster: Cluster) -> list[SystemKill]:
    kills = [
        _kill(event)
        for reason, words in _REASONS.items()
        for event in _events(node, reason, cluster)
        if words.search(event.message or "")
    ]
    return sorted(kills, key=lambda kill: kill.last)


def _events(node: str, reason: str, cluster: Cluster) -> list[ClusterEvent]:
    selector = f"involvedObject.kind=Node,involvedObject.name={node},reason={reason}"
    found = cluster.api.list(_EVENTS, field_selector=selector)
    return [read_object(msgspec.json.encode(each), ClusterEvent) for each in found]


def _kill(event: ClusterEvent) -> SystemKill:
    last = observed_at(event)
    first = event.first_timestamp or event.event_time or last
    return SystemKill(
        first=min(first, last), last=last, message=shortened(mask_start(event.message or "", MAX_MESSAGE))
    )


def _pressures(node: str, cluster: Cluster) -> list[str]:
    found = cluster.api.find(f"/api/v1/nodes/{node}")
    return [each for each in _PRESSURES if found and is_true(found, each)]


def _read(what: str, look: Callable[[], list[_T]], unread: list[str]) -> list[_T]:
    try:
        return look()
    except ClusterRefusedError:
        unread.append(what)
        return []
