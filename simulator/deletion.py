"""Deletion: at once for most kinds, gracefully for pods on a node, by emptying for namespaces; owners take theirs along."""

from __future__ import annotations

from datetime import timedelta

from aetherius.simulator.cluster import Cluster
from aetherius.simulator.documents import Document, is_going, name_of, namespace_of, stamp, uid_of
from aetherius.simulator.kinds import KINDS, NAMESPACE, POD, Kind


def delete(cluster: Cluster, kind: Kind, document: Document, grace: int | None = None, *, orphan: bool = False) -> None:
    """Delete an object; `grace` (seconds) overrides the pod's own grace period, `orphan` lets its dependents stay."""
    if orphan:
        _let_go(cluster, document)
    if kind is POD:
        _delete_pod(cluster, document, grace)
    elif kind is NAMESPACE:
        _delete_namespace(cluster, document)
    elif document["metadata"].get("finalizers"):
        _mark(cluster, kind, document, 0)
    else:
        cluster.store.remove(kind, namespace_of(document), name_of(document))


def _delete_pod(cluster: Cluster, pod: Document, grace: int | None) -> None:
    period = pod["spec"].get("terminationGracePeriodSeconds", 30) if grace is None else grace
    if period == 0 or not pod["spec"].get("nodeName"):
        cluster.store.remove(POD, namespace_of(pod), name_of(pod))
    elif not is_going(pod):
        _mark(cluster, POD, pod, period)


def _delete_namespace(cluster: Cluster, namespace: Document) -> None:
    with cluster.store.modify(NAMESPACE, namespace) as draft:
        draft["metadata"].setdefault("deletionTimestamp", stamp(cluster.clock()))
        draft["status"] = {"phase": "Terminating"}


def _mark(cluster: Cluster, kind: Kind, document: Document, period: int) -> None:
    with cluster.store.modify(kind, document) as draft:
        end = cluster.clock() + timedelta(seconds=period)
        draft["metadata"] |= {"deletionTimestamp": stamp(end), "deletionGracePeriodSeconds": period}


def _let_go(cluster: Cluster, owner: Document) -> None:
    for kind in KINDS:
        for document in cluster.store.all(kind, namespace_of(owner)):
            refs = document["metadata"].get("ownerReferences") or []
            if any(ref["uid"] == uid_of(owner) for ref in refs):
                with cluster.store.modify(kind, document) as draft:
                    draft["metadata"]["ownerReferences"] = [ref for ref in refs if ref["uid"] != uid_of(owner)]
