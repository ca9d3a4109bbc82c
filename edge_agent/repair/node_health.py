"""Reads what is told of a node: its conditions, taints and marks, and the lease by which its kubelet shows that it lives."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from aetherius.domain.repair.node_health import ENTRY as ACTION
from aetherius.domain.repair.node_health import NodeHealth, NodeHealthAnswer, NodeTrouble
from aetherius.edge_agent.errors import ClusterRefusedError
from aetherius.edge_agent.kubernetes_objects import Condition, Node, read_object
from aetherius.edge_agent.marks import CORDONED
from aetherius.edge_agent.redaction import mask_start
from aetherius.edge_agent.repair.cluster import Cluster
from aetherius.edge_agent.repair.draining.node_state import SHUTDOWN
from aetherius.edge_agent.repair.performer import Job, Performer
from aetherius.edge_agent.telling.observation import MAX_MESSAGE, shortened
from aetherius.edge_agent.watching.node_conditions import troubles
from aetherius.edge_agent.watching.node_plans import plan_of

_LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_TELLING: Final = (
    "node.kubernetes.io/",
    "node.cloudprovider.kubernetes.io/",
    "ToBeDeleted",
    "karpenter.sh/",
    "medik8s.",
)
"""Beginnings of taints that tell of a node's state."""


class NodeHealthPerformer(Performer[NodeHealth]):
    """Refused: there is no such node. A lease that cannot be read is left out."""

    action = ACTION

    def read(self, job: Job[NodeHealth]) -> NodeHealthAnswer:
        """The node as it is now."""
        name, cluster = job.parameters.node, job.cluster
        node = read_object(msgspec.json.encode(cluster.node(name)), Node)
        ready = node.ready or Condition(type="Ready", status="Unknown", reason="", message="its kubelet never told")
        renewed, seconds = _lease(name, cluster)
        taints = [taint.key for taint in node.spec.taints]
        return NodeHealthAnswer(
            node=name,
            looked_at=cluster.clock(),
            ready=ready.status,
            reason=ready.reason or "",
            message=_masked(ready.message),
            since=ready.last_transition_time,
            lease_renewed=renewed,
            lease_seconds=seconds,
            off=SHUTDOWN in taints,
            taints=[key for key in taints if key.startswith(_TELLING)],
            troubles=[_trouble(each) for each in troubles(node)],
            plan=plan_of(node).words,
            cordoned_by_other=node.spec.unschedulable and CORDONED not in node.metadata.annotations,
        )


ENTRY = NodeHealthPerformer()


def _trouble(said: Condition) -> NodeTrouble:
    return NodeTrouble(
        type=said.type,
        status=said.status,
        reason=said.reason or "",
        message=_masked(said.message),
        since=said.last_transition_time,
    )


def _masked(message: str | None) -> str:
    return shortened(mask_start(message or "", MAX_MESSAGE))


def _lease(name: str, cluster: Cluster) -> tuple[datetime | None, float]:
    try:
        lease = cluster.api.find(f"{_LEASES}/{name}")
    except ClusterRefusedError:
        return None, 0.0
    spec = (lease or {}).get("spec") or {}
    renewed = spec.get("renewTime")
    return datetime.fromisoformat(str(renewed)) if renewed else None, float(spec.get("leaseDurationSeconds") or 0)
