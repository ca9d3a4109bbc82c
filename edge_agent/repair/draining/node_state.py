"""What is known of a node that may be dead, and whether that is enough to let its pods go by force."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from aetherius.domain.repair.drain_node import DrainNode
from aetherius.edge_agent.errors import ClusterRefusedError
from aetherius.edge_agent.kubernetes_objects import Node
from aetherius.edge_agent.repair.cluster import Cluster, Document

SHUTDOWN: Final = "node.cloudprovider.kubernetes.io/shutdown"
"""Taint by which a cloud's controller says that the machine is off."""


class NodeState(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a node and its lease."""

    ready: str
    """Status of the Ready condition: `True`, `False` or `Unknown`."""
    not_ready_seconds: float
    lease_periods: float | None
    """Age of its last sign of life in durations of the lease; None where there is no lease that we can read."""
    lease_age: float
    is_off: bool
    """The cloud says so."""

    def why_alive(self, order: DrainNode) -> str:
        """Why it is not shown to be dead; empty when it is: silent for long, and known to be off. `False` is the word of a kubelet that lives."""
        if self.ready != "Unknown":
            return f"its Ready condition is {self.ready}: a kubelet that says so lives"
        if self.lease_periods is None:
            return "it has no lease that could be read, so nobody knows how long it has been silent"
        if self.lease_periods < order.lease_periods:
            wanted = self.lease_age / self.lease_periods * order.lease_periods if self.lease_periods > 0 else 0.0
            return f"its lease was renewed {self.lease_age:.0f} s ago: it counts as dead only after {wanted:.0f} s"
        if not (self.is_off or order.confirmed_down):
            return (
                "nobody has confirmed that the machine is off (neither the cloud's shutdown taint nor a person): it may only be cut off, "
                "and its pods may still run and write"
            )
        return ""


def state_of(node: Document, cluster: Cluster) -> NodeState:
    """Look at a node and its lease."""
    ready = msgspec.convert(node, Node).ready
    status, since = (ready.status, ready.last_transition_time) if ready else ("Unknown", None)
    away = (cluster.clock() - since).total_seconds() if since and status != "True" else 0.0
    age, periods = _lease(node["metadata"]["name"], cluster)
    taints = node["spec"].get("taints") or ()
    return NodeState(
        ready=status,
        not_ready_seconds=round(max(away, 0.0), 1),
        lease_periods=periods,
        lease_age=age,
        is_off=any(each["key"] == SHUTDOWN for each in taints),
    )


def _lease(name: str, cluster: Cluster) -> tuple[float, float | None]:
    """Seconds and durations since the lease was renewed."""
    try:
        lease = cluster.api.find(f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}")
    except ClusterRefusedError as exc:
        if exc.status != 403:
            raise
        return 0.0, None
    spec: dict[str, Any] = (lease or {}).get("spec") or {}
    renewed, duration = spec.get("renewTime"), float(spec.get("leaseDurationSeconds") or 0)
    if not renewed or duration <= 0:
        return 0.0, None
    age = (cluster.clock() - datetime.fromisoformat(str(renewed))).total_seconds()
    return age, age / duration
