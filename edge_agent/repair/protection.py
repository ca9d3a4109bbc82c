"""The last line on the agent's side: what nobody changes without a person's yes, whatever the platform ordered."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aetherius.domain.protection import INSTALLED, SYSTEM_NAMESPACES
from aetherius.edge_agent.errors import ClusterRefusedError, RepairRefusedError
from aetherius.edge_agent.repair.cluster import Cluster, Document

PROTECTED: Final = "aetherius.io/protected"
"""Annotation of an object or of its namespace: `true` keeps every repair off that no person has approved."""
_OWN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def own_namespace() -> str:
    """The namespace that this agent runs in; where it would be installed, if it runs in no cluster."""
    try:
        return _OWN.read_text().strip() or INSTALLED
    except OSError:
        return INSTALLED


def why_protected(cluster: Cluster, namespace: str, target: Document | None = None) -> str:
    """Why an object, or anything in a namespace, is protected; empty when it is not. A namespace that we may not look at is."""
    if target is not None and _is_marked(target):
        return f"{target['metadata']['name']} is annotated {PROTECTED}"
    if not namespace:
        return ""
    if namespace in SYSTEM_NAMESPACES:
        return f"{namespace} is a namespace of the cluster itself"
    if namespace == own_namespace():
        return f"{namespace} is the agent's own namespace"
    return _of_namespace(cluster, namespace)


def refuse_protected(cluster: Cluster, namespace: str, target: Document | None, *, approved: bool) -> None:
    """Raise ``RepairRefusedError`` for what is protected, unless a person has approved the order."""
    if not approved and (why := why_protected(cluster, namespace, target)):
        raise RepairRefusedError(f"{why}: a person must approve this repair")


def _of_namespace(cluster: Cluster, namespace: str) -> str:
    try:
        found = cluster.api.find(f"/api/v1/namespaces/{namespace}")
    except ClusterRefusedError as exc:
        if exc.status == 403:
            return f"whether namespace {namespace} is protected cannot be seen (the right to get namespaces is missing)"
        raise
    return f"namespace {namespace} is annotated {PROTECTED}" if found is not None and _is_marked(found) else ""


def _is_marked(target: Document) -> bool:
    annotations = target["metadata"].get("annotations") or {}
    return str(annotations.get(PROTECTED, "")).lower() == "true"
