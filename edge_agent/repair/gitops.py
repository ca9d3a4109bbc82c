"""Whether something else holds a workload to a source of its own: a live patch would be undone by it, or would hide the truth from it."""

from __future__ import annotations

from typing import Final

from aetherius.edge_agent.errors import RepairRefusedError
from aetherius.edge_agent.repair.cluster import Document

_RECONCILERS: Final = ("argocd", "flux")


def managed_by(workload: Document) -> str:
    """`argocd`, `flux`, `helm` or empty, by the marks that they leave."""
    metadata = workload["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    if "argocd.argoproj.io/tracking-id" in annotations or "argocd.argoproj.io/instance" in labels:
        return "argocd"
    if any(key.endswith("toolkit.fluxcd.io/name") for key in labels):
        return "flux"
    if labels.get("app.kubernetes.io/managed-by") == "Helm" or "meta.helm.sh/release-name" in annotations:
        return "helm"
    return ""


def refuse_reconciled(workload: Document) -> None:
    """Raise ``RepairRefusedError`` for a workload that a reconciler would put back at once. Helm only acts when somebody runs it."""
    if (manager := managed_by(workload)) in _RECONCILERS:
        raise RepairRefusedError(f"{workload['metadata']['name']} is managed by {manager}: change its source instead")
