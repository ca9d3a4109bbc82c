"""Whether a rollout has failed, or is only slow; and whether the revision to go back to is known to work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from aetherius.edge_agent.errors import ClusterRefusedError, RepairRefusedError
from aetherius.edge_agent.repair.cluster import Cluster, Document, controller_uid, revision_of
from aetherius.edge_agent.repair.configuration.needs import needed_config
from aetherius.edge_agent.repair.workload_history import config_exists
from aetherius.edge_agent.watching.rollout import why_incomplete

_FAILING: Final = (
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
)
"""Reasons of waiting containers that no patience mends."""
_EXCEEDED: Final = "ProgressDeadlineExceeded"
_SAME_APP: Final = ("app.kubernetes.io/instance", "app.kubernetes.io/part-of", "app.kubernetes.io/name", "app")
_BEFORE_ROLLOUT: Final = timedelta(minutes=30)
"""A migration runs before the rollout that needs it; a pipeline is rarely slower."""


def refuse_unless_failed(deployment: Document, current: Document | None, cluster: Cluster) -> None:
    """Raise ``RepairRefusedError`` for a rollout that is well, or slow within its own deadline while the old replicas serve."""
    if current is None or _fails(deployment, current, cluster) or _has_stalled(deployment):
        return
    name, revision = deployment["metadata"]["name"], revision_of(deployment)
    if not why_incomplete("Deployment", deployment):
        raise RepairRefusedError(f"revision {revision} of {name} is complete and available by now")
    old = sum(_available(each) for each in cluster.replica_sets(deployment) if revision_of(each) != revision)
    if old > 0:
        deadline = deployment["spec"].get("progressDeadlineSeconds", 600)
        raise RepairRefusedError(
            f"the rollout of {name} is not failing, only not over: {old} old replicas serve, and it has {deadline} s between steps"
        )


def refuse_unproven(target: Document, cluster: Cluster) -> None:
    """Raise ``RepairRefusedError`` for a revision that is known to be bad, that cannot start now, or that nobody saw work for long."""
    uid, revision = target["metadata"]["uid"], revision_of(target)
    if cluster.revisions.is_bad(uid, cluster.proven_after):
        raise RepairRefusedError(f"revision {revision} is known to be bad: a repair took it back before")
    if int(target["spec"].get("replicas", 0)) > 0 and not _available(target):
        raise RepairRefusedError(f"revision {revision} has replicas, and none of them is available now")
    namespace = target["metadata"]["namespace"]
    missing = [
        each
        for each in needed_config(target["spec"]["template"]["spec"])
        if not config_exists(each, namespace, cluster)
    ]
    if missing:
        raise RepairRefusedError(f"revision {revision} needs what is not there: {', '.join(missing)}")
    lasted = max(cluster.revisions.available_for(uid), _ready_for(target, cluster))
    if lasted < cluster.proven_after:
        raise RepairRefusedError(
            f"revision {revision} was seen available for {lasted:.0f} s only: nobody knows that it works ({cluster.proven_after:g} s would show it)"
        )


def migrations(deployment: Document, current: Document | None, cluster: Cluster) -> Iterator[str]:
    """Warnings of Jobs that ran for the revision to be left: they may have changed data that the older one cannot read."""
    if current is None:
        return
    metadata = deployment["metadata"]
    edge = _moment(current["metadata"].get("creationTimestamp")) - _BEFORE_ROLLOUT
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key in _SAME_APP}
    for job in _jobs(metadata["namespace"], cluster):
        about = job["metadata"]
        own = about.get("labels") or {}
        related = any(own.get(key) == value for key, value in labels.items()) or "migrat" in about["name"]
        if related and _moment(about.get("creationTimestamp")) >= edge:
            yield f"Job {about['name']} ran for this rollout: if it changed data, the older revision may not be able to read it"


def _jobs(namespace: str, cluster: Cluster) -> list[Document]:
    try:
        return cluster.api.list(f"/apis/batch/v1/namespaces/{namespace}/jobs")
    except ClusterRefusedError as exc:
        if exc.status in (403, 404):  # only a warning is missed
            return []
        raise


def _fails(deployment: Document, current: Document, cluster: Cluster) -> bool:
    uid, namespace = current["metadata"]["uid"], deployment["metadata"]["namespace"]
    pods = [pod for pod in cluster.pods(deployment) if controller_uid(pod) == uid]
    if any(_container_fails(status) for pod in pods for status in _statuses(pod)):
        return True
    needed = needed_config(deployment["spec"]["template"]["spec"])
    return any(not config_exists(each, namespace, cluster) for each in needed)


def _statuses(pod: Document) -> Iterator[Document]:
    status = pod.get("status") or {}
    yield from (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))


def _container_fails(status: Document) -> bool:
    state, last = status.get("state") or {}, status.get("lastState") or {}
    waiting = (state.get("waiting") or {}).get("reason")
    ends = [each.get("terminated") or {} for each in (state, last)]
    return waiting in _FAILING or any(int(each.get("exitCode", 0)) != 0 for each in ends)


def _has_stalled(deployment: Document) -> bool:
    conditions = (deployment.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Progressing" and each.get("reason") == _EXCEEDED for each in conditions)


def _available(replica_set: Document) -> int:
    return int((replica_set.get("status") or {}).get("availableReplicas", 0))


def _ready_for(replica_set: Document, cluster: Cluster) -> float:
    """Seconds for which the longest-lived of its pods has been Ready without a break."""
    uid, namespace = replica_set["metadata"]["uid"], replica_set["metadata"]["namespace"]
    now = datetime.now(UTC)
    ages = [
        (now - _moment(each.get("lastTransitionTime"))).total_seconds()
        for pod in cluster.api.list(f"/api/v1/namespaces/{namespace}/pods")
        if controller_uid(pod) == uid and "deletionTimestamp" not in pod["metadata"]
        for each in (pod.get("status") or {}).get("conditions") or ()
        if each["type"] == "Ready" and each["status"] == "True"
    ]
    return max(ages, default=0.0)


def _moment(text: object) -> datetime:
    """A moment of the API; now for none."""
    return datetime.fromisoformat(str(text)) if text else datetime.now(UTC)
