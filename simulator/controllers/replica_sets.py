"""The ReplicaSet controller: as many pods as asked for, not counting those that are going or have ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from aetherius.simulator.admission import admit_new
from aetherius.simulator.cluster import Cluster
from aetherius.simulator.deletion import delete
from aetherius.simulator.documents import (
    Document,
    condition,
    copied,
    is_condition,
    is_going,
    is_owned_by,
    labels_of,
    moment,
    name_of,
    namespace_of,
    suffix,
    uid_of,
)  # fmt: skip
from aetherius.simulator.errors import ApiError
from aetherius.simulator.kinds import POD, REPLICA_SET, Kind

_SOURCE = "replicaset-controller"


class ReplicaSets:
    """Makes and removes the pods of ReplicaSets."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._store = cluster.store

    def step(self, now: datetime) -> None:
        """One round over all ReplicaSets."""
        for replica_set in self._store.all(REPLICA_SET):
            if not is_going(replica_set):
                self._settle(replica_set, now)

    def _settle(self, replica_set: Document, now: datetime) -> None:
        pods = living_pods(self._cluster, replica_set)
        missing = replica_set["spec"]["replicas"] - len(pods)
        for _ in range(missing):
            self._create(replica_set)
        for pod in sorted(pods, key=_least_wanted_first)[: max(0, -missing)]:
            self._cluster.events.record(
                REPLICA_SET, replica_set, "Normal", "SuccessfulDelete", f"Deleted pod: {name_of(pod)}", _SOURCE
            )
            delete(self._cluster, POD, pod)
        with self._store.modify(REPLICA_SET, replica_set) as draft:
            draft["status"] = self._status(draft, living_pods(self._cluster, replica_set), now)

    def _create(self, replica_set: Document) -> None:
        template = replica_set["spec"]["template"]
        metadata = copied(template.get("metadata") or {})
        metadata["name"] = f"{name_of(replica_set)}-{suffix()}"
        metadata |= {"generateName": f"{name_of(replica_set)}-", "namespace": namespace_of(replica_set)}
        metadata["ownerReferences"] = [owner_reference(REPLICA_SET, replica_set)]
        pod = admit_new(POD, {"metadata": metadata, "spec": copied(template["spec"])}, self._cluster.settings)
        try:
            self._store.create(POD, pod)
        except ApiError:  # the random name is taken: the next round tries another
            return
        self._cluster.events.record(
            REPLICA_SET, replica_set, "Normal", "SuccessfulCreate", f"Created pod: {name_of(pod)}", _SOURCE
        )

    def _status(self, replica_set: Document, pods: list[Document], now: datetime) -> Document:
        wanted = (replica_set["spec"]["template"].get("metadata") or {}).get("labels") or {}
        counts = {
            "fullyLabeledReplicas": sum(wanted.items() <= labels_of(pod).items() for pod in pods),
            "readyReplicas": sum(is_condition(pod, "Ready") for pod in pods),
            "availableReplicas": sum(
                is_available(pod, replica_set["spec"].get("minReadySeconds", 0), now) for pod in pods
            ),
        }
        seen = {"replicas": len(pods), "observedGeneration": replica_set["metadata"]["generation"]}
        return seen | {key: count for key, count in counts.items() if count}


def living_pods(cluster: Cluster, replica_set: Document) -> list[Document]:
    """Its pods that count: not going, not ended."""
    pods = (pod for pod in cluster.store.all(POD, namespace_of(replica_set)) if is_owned_by(pod, replica_set))
    return [pod for pod in pods if not is_going(pod) and pod["status"].get("phase") not in ("Succeeded", "Failed")]


def owner_reference(kind: Kind, owner: Document) -> Document:
    """The reference that makes `owner` the controller of what carries it."""
    identity = {"apiVersion": kind.api_version, "kind": kind.name, "name": name_of(owner), "uid": uid_of(owner)}
    return identity | {"controller": True, "blockOwnerDeletion": True}


def is_available(pod: Document, min_ready_seconds: int, now: datetime) -> bool:
    """Whether a pod has been Ready for that long."""
    ready = condition(pod, "Ready")
    if ready is None or ready["status"] != "True":
        return False
    return moment(ready["lastTransitionTime"]) + timedelta(seconds=min_ready_seconds) <= now


def _least_wanted_first(pod: Document) -> tuple[bool, bool, bool, str]:
    """Not scheduled, not running, not ready, youngest: those go first."""
    bound, running = bool(pod["spec"].get("nodeName")), pod["status"].get("phase") == "Running"
    return bound, running, is_condition(pod, "Ready"), _inverted(pod["metadata"]["creationTimestamp"])


def _inverted(stamp: str) -> str:
    return "".join(chr(0x7F - ord(letter) % 0x7F) for letter in stamp)
