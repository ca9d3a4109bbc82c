"""Reads a Deployment's revisions: what changed from one to the next, and which of them ever worked."""

from __future__ import annotations

from aetherius.domain.diagnosis.config_complaint import CONFIG_MAP, SECRET
from aetherius.domain.repair.pod_config import State
from aetherius.domain.repair.workload_history import ENTRY as ACTION
from aetherius.domain.repair.workload_history import RevisionSummary, WorkloadHistory, WorkloadHistoryAnswer
from aetherius.edge_agent.repair.cluster import Cluster, Document, revision_of
from aetherius.edge_agent.repair.configuration.needs import needed_config, needed_keys
from aetherius.edge_agent.repair.configuration.records import record_of
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
    states: dict[str, State] = {}
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
            _summary(each, namespace, cluster, states) for each in cluster.replica_sets(deployment) if revision_of(each)
        ],
        memory_limits={
            each["name"]: str(((each.get("resources") or {}).get("limits") or {}).get("memory", ""))
            for each in deployment["spec"]["template"]["spec"]["containers"]
        },
    )


def _summary(replica_set: Document, namespace: str, cluster: Cluster, states: dict[str, State]) -> RevisionSummary:
    spec = replica_set["spec"]["template"]["spec"]
    needed = needed_config(spec)
    for name in needed:
        if name not in states:
            states[name] = _state(name, namespace, cluster)
    status = replica_set.get("status") or {}
    available = int(status.get("availableReplicas", 0))
    return RevisionSummary(
        revision=revision_of(replica_set),
        replica_set=replica_set["metadata"]["name"],
        images={each["name"]: each.get("image", "") for each in spec["containers"]},
        memory_limits={each["name"]: _memory_limit(each) for each in spec["containers"]},
        config_maps=needed,
        config_keys=needed_keys(spec),
        missing_config=[name for name in needed if states[name] == "missing"],
        unseen_config=[name for name in needed if states[name] == "unseen"],
        replicas=int(status.get("replicas", 0)),
        available=available,
        was_available=bool(available) or cluster.revisions.was_available(replica_set["metadata"]["uid"]),
        created_at=str(replica_set["metadata"].get("creationTimestamp", "")),
    )


def _memory_limit(container: Document) -> str:
    return str(((container.get("resources") or {}).get("limits") or {}).get("memory", ""))


def config_exists(name: str, namespace: str, cluster: Cluster) -> bool:
    """Whether a config map, or a secret (`secret/NAME`), exists; what may not be looked at is taken to exist. For a repair's checks: a diagnosis tells what
    cannot be seen as unseen."""
    kind = "secrets" if name.startswith("secret/") else "configmaps"
    return cluster.api.exists(f"/api/v1/namespaces/{namespace}/{kind}/{name.removeprefix('secret/')}")


def _state(name: str, namespace: str, cluster: Cluster) -> State:
    kind = SECRET if name.startswith("secret/") else CONFIG_MAP
    return record_of(kind, namespace, name.removeprefix("secret/"), cluster).state
