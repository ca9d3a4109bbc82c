"""The metrics message: a cluster's vital numbers, every 60 s."""

from __future__ import annotations

from datetime import datetime

import msgspec


class ClusterMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and percentages (0 to 100) of a whole cluster."""

    total_nodes: int
    ready_nodes: int
    total_pods: int
    running_pods: int
    cpu_usage_percent: float
    memory_usage_percent: float


class NodeMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Usage of one node: cores, bytes, bytes, bytes per second."""

    node: str
    cpu: float
    memory: float
    disk: float
    network: float


class PodMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """One pod: usage in cores and bytes."""

    namespace: str
    pod: str
    phase: str
    restarts: int
    cpu: float
    memory: float


class NamespaceMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over the pods of a namespace."""

    namespace: str
    pods: int
    cpu: float
    memory: float


class MetricsMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent measured at one moment."""

    cluster_id: str
    timestamp: datetime
    cluster_metrics: ClusterMetrics
    node_metrics: list[NodeMetrics] = []
    pod_metrics: list[PodMetrics] = []
    namespace_metrics: list[NamespaceMetrics] = []
    agent_id: str
    epoch: int
