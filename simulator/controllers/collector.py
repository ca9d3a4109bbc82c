"""The collectors: pods that no kubelet will ever end, objects whose owner is gone, and namespaces that are to go."""

from __future__ import annotations

from datetime import datetime

from aetherius.simulator.cluster import Cluster
from aetherius.simulator.deletion import delete
from aetherius.simulator.documents import Document, is_condition, is_going, name_of, namespace_of, seconds, uid_of
from aetherius.simulator.kinds import DAEMON_SET, DEPLOYMENT, KINDS, NAMESPACE, NODE, POD, REPLICA_SET, STATEFUL_SET

_OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
_OWNERS = {kind.name: kind for kind in (DEPLOYMENT, REPLICA_SET, STATEFUL_SET, DAEMON_SET, NODE, POD)}


class Collector:
    """Ends what nothing else would end."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._pods_due: datetime | None = None

    def step(self, now: datetime) -> None:
        """One round; pods only every `collector_seconds`, as the real one takes its time, too."""
        self._collect_orphans()
        self._empty_namespaces()
        if self._pods_due is None or now >= self._pods_due:
            self._pods_due = now + seconds(self._cluster.settings.collector_seconds)
            self._collect_pods()

    def _collect_orphans(self) -> None:
        owners = {uid_of(document) for kind in _OWNERS.values() for document in self._store.all(kind)}
        for kind in (REPLICA_SET, POD):
            for document in self._store.all(kind):
                refs = document["metadata"].get("ownerReferences") or []
                known = [ref for ref in refs if ref["kind"] in _OWNERS]
                if known and not any(ref["uid"] in owners for ref in known) and not is_going(document):
                    delete(self._cluster, kind, document)

    def _collect_pods(self) -> None:
        nodes = {name_of(node): node for node in self._store.all(NODE)}
        for pod in self._store.all(POD):
            place = pod["spec"].get("nodeName")
            if place and (place not in nodes or (is_going(pod) and _is_out_of_service(nodes[place]))):
                self._store.remove(POD, namespace_of(pod), name_of(pod))

    def _empty_namespaces(self) -> None:
        for namespace in self._store.all(NAMESPACE):
            if is_going(namespace):
                for kind in KINDS:
                    for document in self._store.all(kind, name_of(namespace)):
                        self._store.remove(kind, namespace_of(document), name_of(document))
                self._store.remove(NAMESPACE, "", name_of(namespace))


def _is_out_of_service(node: Document) -> bool:
    tainted = any(taint["key"] == _OUT_OF_SERVICE for taint in node["spec"].get("taints") or [])
    return tainted and not is_condition(node, "Ready")
