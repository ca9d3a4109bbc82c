"""The workloads beside the one that is repaired: which were well before, and which of them are not any more.

One that was given another spec meanwhile is somebody else's doing, and one that was ill before is not worse for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from aetherius.domain.errors import InfrastructureError
from aetherius.edge_agent.repair.cluster import Cluster, Document

MOST: Final = 300
"""Workloads that are compared."""
_KINDS: Final = {"Deployment": "deployments", "StatefulSet": "statefulsets"}


def well(cluster: Cluster, namespace: str = "", besides: str = "") -> list[str]:
    """Those that have all their replicas Ready, of a namespace or of all, as `Kind/namespace/name@generation`; none where they may not be looked at.

    `besides`: name of the Deployment that is repaired itself.
    """
    try:
        found = [_key(kind, each) for kind, each in _listed(cluster, namespace) if _is_well(each)]
    except InfrastructureError:
        return []
    own = f"Deployment/{namespace}/{besides}@"
    return [each for each in found if not besides or not each.startswith(own)][:MOST]


def worse(cluster: Cluster, before: Sequence[str], namespace: str = "") -> list[str]:
    """Those of `before` that lack replicas now, in words; none where nobody can look."""
    if not before:
        return []
    try:
        ill = {_key(kind, each): each for kind, each in _listed(cluster, namespace) if not _is_well(each)}
    except InfrastructureError:
        return []
    return [f"{each.partition('@')[0]} ({_told(ill[each])})" for each in before if each in ill]


def _listed(cluster: Cluster, namespace: str) -> Iterator[tuple[str, Document]]:
    where = f"/namespaces/{namespace}" if namespace else ""
    for kind, plural in _KINDS.items():
        for each in cluster.api.list(f"/apis/apps/v1{where}/{plural}"):
            yield kind, each


def _key(kind: str, workload: Document) -> str:
    metadata = workload["metadata"]
    return f"{kind}/{metadata.get('namespace', '')}/{metadata['name']}@{metadata.get('generation', 0)}"


def _is_well(workload: Document) -> bool:
    wanted, ready = _counts(workload)
    return wanted > 0 and ready >= wanted


def _told(workload: Document) -> str:
    wanted, ready = _counts(workload)
    return f"{ready} of {wanted} replicas are Ready"


def _counts(workload: Document) -> tuple[int, int]:
    wanted = int(workload["spec"].get("replicas", 1))
    return wanted, int((workload.get("status") or {}).get("readyReplicas", 0))
