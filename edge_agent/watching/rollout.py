"""Whether a workload is as it was asked for: what its rollout still lacks, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

Document = dict[str, Any]

_PATHS: Final = {
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
    "StatefulSet": "/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}",
    "DaemonSet": "/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}",
    "ReplicaSet": "/apis/apps/v1/namespaces/{namespace}/replicasets/{name}",
    "Job": "/apis/batch/v1/namespaces/{namespace}/jobs/{name}",
    "CronJob": "/apis/batch/v1/namespaces/{namespace}/cronjobs/{name}",
    "Pod": "/api/v1/namespaces/{namespace}/pods/{name}",
    "Node": "/api/v1/nodes/{name}",
}


def path_of(kind: str, namespace: str, name: str) -> str | None:
    """Where the API has a workload, a pod or a node; None for a kind that we do not know."""
    path = _PATHS.get(kind)
    return path.format(namespace=namespace, name=name) if path else None


def why_incomplete(kind: str, workload: Document) -> str:
    """What it lacks; empty when it is complete and all of it is available. Of a kind that does not say, it is never complete."""
    status = workload.get("status") or {}
    if int(status.get("observedGeneration", 0)) < _generation(kind, workload):
        return "the controller has not seen the change yet"
    rule = _RULES.get(kind)
    return rule(workload, status) if rule else f"a {kind} does not say whether it is well"


def _generation(kind: str, workload: Document) -> int:
    """That of the specification, where the status names the one it is about."""
    return 0 if kind in ("Pod", "Node") else int(workload["metadata"].get("generation", 0))


def _deployment(workload: Document, status: Document) -> str:
    wanted = int(workload["spec"].get("replicas", 1))
    lack = _lack(status, wanted, ("updatedReplicas", "updated"), ("availableReplicas", "available"))
    left = int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))
    return lack or (f"{left} old replicas are left" if left > 0 else "")


def _stateful_set(workload: Document, status: Document) -> str:
    wanted = int(workload["spec"].get("replicas", 1))
    if lack := _lack(status, wanted, ("readyReplicas", "ready"), ("availableReplicas", "available")):
        return lack
    return "" if status.get("currentRevision") == status.get("updateRevision") else "old replicas are left"


def _daemon_set(workload: Document, status: Document) -> str:
    wanted = int(status.get("desiredNumberScheduled", 0))
    return _lack(status, wanted, ("updatedNumberScheduled", "updated"), ("numberAvailable", "available"))


def _by_readiness(workload: Document, status: Document) -> str:
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or ())
    return "" if ready else "it is not Ready"


def _lack(status: Document, wanted: int, *counts: tuple[str, str]) -> str:
    for field, what in counts:
        if (found := int(status.get(field, 0))) < wanted:
            return f"{found} of {wanted} replicas are {what}"
    return ""


_RULES: Final[dict[str, Callable[[Document, Document], str]]] = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Pod": _by_readiness,
    "Node": _by_readiness,
}


def wanted_replicas(kind: str, workload: Document) -> int:
    """How many pods it asks for; one for a pod or a node."""
    if kind == "DaemonSet":
        return int((workload.get("status") or {}).get("desiredNumberScheduled", 0))
    return int(workload["spec"].get("replicas", 1)) if kind in ("Deployment", "StatefulSet") else 1
