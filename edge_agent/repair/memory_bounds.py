"""Whether a memory limit can stand: what a namespace allows, what an autoscaler decides itself, and whether any node is large enough."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from aetherius.edge_agent.errors import ClusterRefusedError, RepairRefusedError
from aetherius.edge_agent.kubernetes_objects import Node
from aetherius.edge_agent.repair.cluster import Cluster, Document
from aetherius.edge_agent.repair.scheduling.requests import amount
from aetherius.edge_agent.repair.scheduling.rooms import can_take_pods

_OTHER_SCOPES: Final = ("Terminating", "BestEffort")
"""Scopes of quotas that count no pod of a Deployment with a memory limit."""


class MemoryChange(msgspec.Struct, frozen=True, kw_only=True):
    """A Deployment with one container's memory about to change: bytes for the whole pod, before and after."""

    deployment: Document
    container: str
    limit: float
    """Of the container, as wanted."""
    request: float
    limits: tuple[float, float]
    """Of all containers together, old and new; infinite where one has none."""
    requests: tuple[float, float]

    @property
    def name(self) -> str:
        """The Deployment's."""
        return str(self.deployment["metadata"]["name"])

    @property
    def replicas(self) -> int:
        """Pods that it wants."""
        return int(self.deployment["spec"].get("replicas", 1))

    @property
    def surge(self) -> int:
        """Pods more than wanted while it rolls out."""
        strategy = self.deployment["spec"].get("strategy") or {}
        if strategy.get("type") == "Recreate":
            return 0
        text = str((strategy.get("rollingUpdate") or {}).get("maxSurge", "25%"))
        if not text.endswith("%"):
            return int(text)
        return math.ceil(self.replicas * int(text[:-1]) / 100)


def refuse_out_of_bounds(change: MemoryChange, namespace: str, cluster: Cluster) -> None:
    """Raise ``RepairRefusedError`` for a limit that cannot stand, or that is not ours to set. What may not be looked at forbids, too."""
    for rule in (_autoscalers, _quotas, _ranges, _nodes):
        for why in rule(change, namespace, cluster):
            raise RepairRefusedError(why)


def _autoscalers(change: MemoryChange, namespace: str, cluster: Cluster) -> Iterator[str]:
    for each in _listed(cluster, f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"):
        if _is_of(each["spec"].get("scaleTargetRef"), change) and _by_memory(each):
            yield (
                f"HorizontalPodAutoscaler {each['metadata']['name']} scales {change.name} by memory: another limit or request "
                "changes how many replicas it makes"
            )
    for each in _listed(cluster, f"/apis/autoscaling.k8s.io/v1/namespaces/{namespace}/verticalpodautoscalers"):
        mode = (each["spec"].get("updatePolicy") or {}).get("updateMode", "Auto")
        if _is_of(each["spec"].get("targetRef"), change) and mode != "Off":
            yield f"VerticalPodAutoscaler {each['metadata']['name']} sets the memory of {change.name}: change its bounds instead"


def _is_of(target: Document | None, change: MemoryChange) -> bool:
    return (target or {}).get("kind") == "Deployment" and (target or {}).get("name") == change.name


def _by_memory(autoscaler: Document) -> bool:
    for metric in autoscaler["spec"].get("metrics") or ():
        named = metric.get("resource") or metric.get("containerResource") or {}
        if named.get("name") == "memory":
            return True
    return False


def _quotas(change: MemoryChange, namespace: str, cluster: Cluster) -> Iterator[str]:
    """A rollout needs its surge on top of what all replicas have in the end."""
    wanted = {"limits.memory": change.limits, "requests.memory": change.requests, "memory": change.requests}
    for quota in _listed(cluster, f"/api/v1/namespaces/{namespace}/resourcequotas"):
        if set(quota["spec"].get("scopes") or ()) & set(_OTHER_SCOPES):
            continue
        used = (quota.get("status") or {}).get("used") or {}
        for resource, hard in (quota["spec"].get("hard") or {}).items():
            old, new = wanted.get(resource, (0.0, 0.0))
            more = max(0.0, new - old) * change.replicas + new * change.surge
            if resource in wanted and amount(used.get(resource, 0)) + more > amount(hard):
                yield (
                    f"ResourceQuota {quota['metadata']['name']} allows {hard} of {resource}, {used.get(resource, 0)} are used: "
                    f"a rollout of {change.name} with the new limit needs {_mib(more)} more"
                )


def _ranges(change: MemoryChange, namespace: str, cluster: Cluster) -> Iterator[str]:
    for found in _listed(cluster, f"/api/v1/namespaces/{namespace}/limitranges"):
        for rule in found["spec"].get("limits") or ():
            of_pod = rule.get("type") == "Pod"
            if rule.get("type") not in ("Container", "Pod"):
                continue
            limit, request = (change.limits[1], change.requests[1]) if of_pod else (change.limit, change.request)
            if why := _out_of_range(rule, limit, request):
                yield f"LimitRange {found['metadata']['name']} allows a {rule['type']} {why}"


def _out_of_range(rule: Document, limit: float, request: float) -> str:
    most, least = (rule.get("max") or {}).get("memory"), (rule.get("min") or {}).get("memory")
    ratio = (rule.get("maxLimitRequestRatio") or {}).get("memory")
    if most is not None and limit > amount(most):
        return f"no more memory than {most}"
    if least is not None and request < amount(least, unknown=0.0):
        return f"no less memory than {least}"
    if ratio is not None and (not request or limit / request > amount(ratio)):
        return f"no limit above {ratio} times its request"
    return ""


def _nodes(change: MemoryChange, namespace: str, cluster: Cluster) -> Iterator[str]:
    nodes = (msgspec.convert(each, Node) for each in cluster.api.list("/api/v1/nodes"))
    sizes = [amount(node.status.allocatable.get("memory", 0), unknown=0.0) for node in nodes if can_take_pods(node)]
    largest = max(sizes, default=0.0)
    if change.limit > largest or change.requests[1] > largest:
        yield f"no ready node has the memory for it: the largest gives {_mib(largest)} to its pods"


def _mib(size: float) -> str:
    return f"{size / 2**20:.0f}Mi"


def _listed(cluster: Cluster, path: str) -> list[dict[str, Any]]:
    """A list; of a kind that the cluster does not know it is empty."""
    try:
        return cluster.api.list(path)
    except ClusterRefusedError as exc:
        if exc.status == 404:
            return []
        if exc.status == 403:
            kind = path.rpartition("/")[2]
            raise RepairRefusedError(
                f"whether {kind} forbid it cannot be seen: the right to list them is missing"
            ) from exc
        raise
