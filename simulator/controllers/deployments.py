"""The Deployment controller: a ReplicaSet per pod template, rolled over within maxSurge and maxUnavailable."""

from __future__ import annotations

from datetime import datetime

from aetherius.simulator.cluster import Cluster
from aetherius.simulator.controllers.deployment_bounds import bounds
from aetherius.simulator.controllers.deployment_status import REVISION, deployment_status, revision_of
from aetherius.simulator.controllers.replica_sets import owner_reference
from aetherius.simulator.deletion import delete
from aetherius.simulator.documents import (
    Document,
    annotations_of,
    copied,
    digest,
    is_going,
    is_owned_by,
    labels_of,
    name_of,
    namespace_of,
)  # fmt: skip
from aetherius.simulator.kinds import DEPLOYMENT, POD, REPLICA_SET

_SOURCE = "deployment-controller"
_HASH = "pod-template-hash"
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Deployments:
    """Rolls Deployments over."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._store = cluster.store

    def step(self, now: datetime) -> None:
        """One round over all Deployments."""
        for deployment in self._store.all(DEPLOYMENT):
            if not is_going(deployment):
                self._settle(deployment, now)

    def _settle(self, deployment: Document, now: datetime) -> None:
        current = self._current(deployment)
        if current is None and not deployment["spec"].get("paused"):
            current = self._create(deployment)
        if current is not None and not deployment["spec"].get("paused"):
            self._note_revision(deployment, current)
            self._roll(deployment, self._again(current))
            self._clean(deployment, self._again(current))
        elif current is not None:
            self._scale(deployment, current, deployment["spec"]["replicas"])
        with self._store.modify(DEPLOYMENT, deployment) as draft:
            newest = self._again(current) if current is not None else None
            draft["status"] = deployment_status(draft, newest, self._owned(deployment), now)

    def _owned(self, deployment: Document) -> list[Document]:
        sets = self._store.all(REPLICA_SET, namespace_of(deployment))
        return [replica_set for replica_set in sets if is_owned_by(replica_set, deployment)]

    def _again(self, replica_set: Document) -> Document:
        return self._store.get(REPLICA_SET, namespace_of(replica_set), name_of(replica_set))

    def _current(self, deployment: Document) -> Document | None:
        """The ReplicaSet of the Deployment's present template."""
        wanted = deployment["spec"]["template"]
        return next(
            (rs for rs in self._owned(deployment) if _unhashed(rs["spec"]["template"]) == _unhashed(wanted)), None
        )

    def _create(self, deployment: Document) -> Document:
        template, spec = copied(deployment["spec"]["template"]), deployment["spec"]
        mark = digest(template)
        template["metadata"].setdefault("labels", {})[_HASH] = mark
        selector = copied(spec["selector"])
        selector.setdefault("matchLabels", {})[_HASH] = mark
        metadata = {
            "name": f"{name_of(deployment)}-{mark}", "namespace": namespace_of(deployment),
            "labels": dict(template["metadata"]["labels"]), "annotations": _inherited(deployment),
            "ownerReferences": [owner_reference(DEPLOYMENT, deployment)],
        }  # fmt: skip
        body = {"replicas": 0, "selector": selector, "template": template}
        body |= {"minReadySeconds": spec["minReadySeconds"]} if spec.get("minReadySeconds") else {}
        return self._store.create(REPLICA_SET, {"metadata": metadata, "spec": body, "status": {"replicas": 0}})

    def _note_revision(self, deployment: Document, current: Document) -> None:
        """Give the current ReplicaSet the highest revision; one that returns leaves its old one in the history."""
        highest = max((revision_of(rs) for rs in self._owned(deployment) if rs is not current), default=0)
        own = revision_of(current)
        replicas, surge = deployment["spec"]["replicas"], bounds(deployment)[0]
        with self._store.modify(REPLICA_SET, current) as draft:
            notes = draft["metadata"].setdefault("annotations", {})
            notes |= {"deployment.kubernetes.io/desired-replicas": str(replicas)}
            notes |= {"deployment.kubernetes.io/max-replicas": str(replicas + surge)}
            if own <= highest:
                if own:
                    past = notes.get(f"{REVISION}-history")
                    notes[f"{REVISION}-history"] = f"{past},{own}" if past else str(own)
                own = highest + 1
                notes |= _inherited(deployment) | {REVISION: str(own)}
        with self._store.modify(DEPLOYMENT, deployment) as draft:
            draft["metadata"].setdefault("annotations", {})[REVISION] = str(own)

    def _roll(self, deployment: Document, current: Document) -> None:
        old = [rs for rs in self._owned(deployment) if name_of(rs) != name_of(current)]
        if deployment["spec"]["strategy"]["type"] == "Recreate":
            self._recreate(deployment, current, old)
            return
        desired = deployment["spec"]["replicas"]
        surge, unavailable = bounds(deployment)
        total = sum(rs["spec"]["replicas"] for rs in [current, *old])
        room = desired + surge - total
        if current["spec"]["replicas"] > desired or room > 0:
            self._scale(deployment, current, min(desired, current["spec"]["replicas"] + max(0, room)))
        self._shrink(deployment, self._again(current), old, desired - unavailable)

    def _shrink(self, deployment: Document, current: Document, old: list[Document], least: int) -> None:
        """Take replicas off the old ReplicaSets: first those that do not run anyway, then as far as `least` allows."""
        sets = [current, *old]
        missing = current["spec"]["replicas"] - _available(current)
        spare = sum(rs["spec"]["replicas"] for rs in sets) - least - missing
        for replica_set in sorted(old, key=revision_of):
            unhealthy = min(replica_set["spec"]["replicas"] - _available(replica_set), max(0, spare))
            if (
                unhealthy > 0
                and replica_set["status"].get("observedGeneration") == replica_set["metadata"]["generation"]
            ):
                self._scale(deployment, replica_set, replica_set["spec"]["replicas"] - unhealthy)
                spare -= unhealthy
        spare = sum(_available(rs) for rs in sets) - least
        for replica_set in sorted((self._again(rs) for rs in old), key=revision_of):
            cut = min(replica_set["spec"]["replicas"], max(0, spare))
            if cut:
                self._scale(deployment, replica_set, replica_set["spec"]["replicas"] - cut)
                spare -= cut

    def _recreate(self, deployment: Document, current: Document, old: list[Document]) -> None:
        for replica_set in old:
            self._scale(deployment, replica_set, 0)
        pods = self._store.all(POD, namespace_of(deployment))
        if not any(is_owned_by(pod, rs) for pod in pods for rs in old):
            self._scale(deployment, current, deployment["spec"]["replicas"])

    def _scale(self, deployment: Document, replica_set: Document, replicas: int) -> None:
        before = replica_set["spec"]["replicas"]
        if before == replicas:
            return
        with self._store.modify(REPLICA_SET, replica_set) as draft:
            draft["spec"]["replicas"] = replicas
        way = "up" if replicas > before else "down"
        message = f"Scaled {way} replica set {name_of(replica_set)} from {before} to {replicas}"
        self._cluster.events.record(DEPLOYMENT, deployment, "Normal", "ScalingReplicaSet", message, _SOURCE)

    def _clean(self, deployment: Document, current: Document) -> None:
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        idle = [
            rs for rs in self._owned(deployment)
            if name_of(rs) != name_of(current) and not rs["spec"]["replicas"] and not rs["status"].get("replicas")
        ]  # fmt: skip
        for replica_set in sorted(idle, key=revision_of)[: max(0, len(idle) - limit)]:
            delete(self._cluster, REPLICA_SET, replica_set)


def _available(replica_set: Document) -> int:
    return int((replica_set.get("status") or {}).get("availableReplicas", 0))


def _unhashed(template: Document) -> Document:
    labels = {key: value for key, value in labels_of(template).items() if key != _HASH}
    metadata = {key: value for key, value in template["metadata"].items() if key not in ("labels", "creationTimestamp")}
    return template | {"metadata": metadata | {"labels": labels}}


def _inherited(deployment: Document) -> dict[str, str]:
    return {key: value for key, value in annotations_of(deployment).items() if key not in (_APPLIED, REVISION)}
