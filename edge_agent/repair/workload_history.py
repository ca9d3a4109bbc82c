"""Reads a Deployment's revisions: what changed from one to the next, and which of them ever worked."""

from __future__ import annotations

from collections.abc import Iterator

from aetherius.domain.repair.workload_history import ENTRY as ACTION
from aetherius.domain.repair.workload_history import RevisionSummary, WorkloadHistory, WorkloadHistoryAnswer
from aetherius.edge_agent.repair.cluster import Cluster, Document, revision_of
from aetherius.edge_agent.repair.gitops import managed_by
from aetherius.edge_agent.repair.performer import Job, Performer


class WorkloadHistoryPerformer(Performer[WorkloadHistory]):
    """Refused: there is no such Deployment."""

    action = ACTION

    def read(self, job: Job[WorkloadHistory]) -> WorkloadHistoryAnswer:
        """Its revisions."""
        return _history(job.parameters, job.namespace, job.cluster)


ENTRY = WorkloadHistoryPerformer()


def _history(action: WorkloadHistory, namespace: str, cluster: Cluster) -> WorkloadHistoryAnswer:
    """The revisions in rising order. Raises ``RepairRefusedError`` if there is no such Deployment."""
    deployment = cluster.deployment(namespace, action.name)
    existing: dict[str, bool] = {}
    status = deployment.get("status") or {}
    return WorkloadHistoryAnswer(
        kind=action.kind,
        name=action.name,
        namespace=namespace,
        generation=int(deployment["metadata"].get("generation", 0)),
        revision=revision_of(deployment),
        replicas=int(deployment["spec"].get("replicas", 1)),
        ready_replicas=int(status.get("readyReplicas", 0)),
        available_replicas=int(status.get("availableReplicas", 0)),
        managed_by=managed_by(deployment),
        revisions=[
            _summary(each, namespace, cluster, existing)
            for each in cluster.replica_sets(deployment)
            if revision_of(each)
        ],
        memory_limits={
            each["name"]: str(((each.get("resources") or {}).get("limits") or {}).get("memory", ""))
            for each in deployment["spec"]["template"]["spec"]["containers"]
        },
    )


def _summary(replica_set: Document, namespace: str, cluster: Cluster, existing: dict[str, bool]) -> RevisionSummary:
    spec = replica_set["spec"]["template"]["spec"]
    needed = needed_config(spec)
    for name in needed:
        if name not in existing:
            existing[name] = config_exists(name, namespace, cluster)
    status = replica_set.get("status") or {}
    available = int(status.get("availableReplicas", 0))
    return RevisionSummary(
        revision=revision_of(replica_set),
        replica_set=replica_set["metadata"]["name"],
        images={each["name"]: each.get("image", "") for each in spec["containers"]},
        config_maps=needed,
        missing_config=[name for name in needed if not existing[name]],
        replicas=int(status.get("replicas", 0)),
        available=available,
        was_available=bool(available) or cluster.revisions.was_available(replica_set["metadata"]["uid"]),
        created_at=str(replica_set["metadata"].get("creationTimestamp", "")),
    )


def needed_config(spec: Document) -> list[str]:
    """What `_needed` finds, each once, in order."""
    return sorted(set(_needed(spec)))


def _needed(spec: Document) -> Iterator[str]:
    """Config maps, and secrets as `secret/NAME`, without which a pod of this template does not start."""
    for volume in spec.get("volumes") or ():
        yield from _named(volume.get("configMap"), volume.get("secret"))
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield from _named(source.get("configMap"), source.get("secret"))
    for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
        for source in container.get("envFrom") or ():
            yield from _named(source.get("configMapRef"), source.get("secretRef"))
        for variable in container.get("env") or ():
            value = variable.get("valueFrom") or {}
            yield from _named(value.get("configMapKeyRef"), value.get("secretKeyRef"))


def _named(config_map: Document | None, secret: Document | None) -> Iterator[str]:
    if config_map and not config_map.get("optional"):
        yield str(config_map["name"])
    if secret and not secret.get("optional"):
        yield f"secret/{secret.get('name') or secret.get('secretName')}"


def config_exists(name: str, namespace: str, cluster: Cluster) -> bool:
    """Whether a config map, or a secret (`secret/NAME`), exists; what may not be looked at is taken to exist."""
    kind = "secrets" if name.startswith("secret/") else "configmaps"
    return cluster.api.exists(f"/api/v1/namespaces/{namespace}/{kind}/{name.removeprefix('secret/')}")
