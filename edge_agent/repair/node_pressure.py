"""Reads what is told of a node's memory: its `SystemOOM` events, and its conditions."""

from __future__ import annotations

from typing import Final

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

_REASON: Final = "SystemOOM"
_EVENTS: Final = "/api/v1/namespaces/default/events"
"""Where the events of nodes lie."""
_PRESSURES: Final = ("MemoryPressure", "DiskPressure", "PIDPressure")


class NodePressurePerformer(Performer[NodePressure]):
    """Refused: the pod is gone, or is on no node. What cannot be read of the node's conditions is left out."""

    action = ACTION

    def read(self, job: Job[NodePressure]) -> NodePressureAnswer:
        """Its kills and pressures."""
        node = _node_of(job.namespace, job.parameters.pod, job.cluster)
        return NodePressureAnswer(
            node=node, system_kills=_kills(node, job.cluster), pressures=_pressures(node, job.cluster)
        )


ENTRY = NodePressurePerformer()


def _node_of(namespace: str, pod: str, cluster: Cluster) -> str:
    found = cluster.api.find(f"/api/v1/namespaces/{namespace}/pods/{pod}")
    node = ((found or {}).get("spec") or {}).get("nodeName")
    if not node:
        raise RepairRefusedError(f"pod {namespace}/{pod} is on no node")
    return str(node)


def _kills(node: str, cluster: Cluster) -> list[SystemKill]:
    selector = f"involvedObject.kind=Node,involvedObject.name={node},reason={_REASON}"
    found = [
        read_object(msgspec.json.encode(each), ClusterEvent)
        for each in cluster.api.list(_EVENTS, field_selector=selector)
    ]
    kills = [_kill(event) for event in found]
    return sorted(kills, key=lambda kill: kill.last)


def _kill(event: ClusterEvent) -> SystemKill:
    last = observed_at(event)
    first = event.first_timestamp or event.event_time or last
    return SystemKill(
        first=min(first, last), last=last, message=shortened(mask_start(event.message or "", MAX_MESSAGE))
    )


def _pressures(node: str, cluster: Cluster) -> list[str]:
    try:
        found = cluster.api.find(f"/api/v1/nodes/{node}")
    except ClusterRefusedError:
        return []
    return [each for each in _PRESSURES if found and is_true(found, each)]
