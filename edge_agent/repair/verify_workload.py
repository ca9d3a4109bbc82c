"""Watches a Deployment until it is well and stays well."""

from __future__ import annotations

import time
from typing import Final

from aetherius.domain.errors import InfrastructureError
from aetherius.domain.repair.answers import VerificationAnswer
from aetherius.domain.repair.verify_workload import ENTRY as ACTION
from aetherius.domain.repair.verify_workload import VerifyWorkload
from aetherius.edge_agent.repair.cluster import Cluster, Document, Stopwatch, controller_uid, revision_of
from aetherius.edge_agent.repair.neighbours import worse
from aetherius.edge_agent.repair.performer import Job, Performer
from aetherius.edge_agent.watching.rollout import why_incomplete

_DEADLINE_EXCEEDED: Final = "ProgressDeadlineExceeded"


class VerifyWorkloadPerformer(Performer[VerifyWorkload]):
    """Refused: there is no such Deployment."""

    action = ACTION

    def verify(self, job: Job[VerifyWorkload]) -> VerificationAnswer:
        """Watch its rollout."""
        return _watched(job.parameters, job.namespace, job.cluster, job.watch)


ENTRY = VerifyWorkloadPerformer()


def _watched(action: VerifyWorkload, namespace: str, cluster: Cluster, watch: Stopwatch) -> VerificationAnswer:
    """Say whether the rollout got complete within the deadline and stayed so for the soak time after it.

    A soak that is interrupted begins again while the deadline allows. Raises ``RepairRefusedError`` if there is no such Deployment.
    """
    watch = watch.within(action.deadline_seconds + action.soak_seconds)
    started = time.monotonic()
    well_since: float | None = None
    kills = _OomKills(action, namespace, cluster)
    deployment = cluster.deployment(namespace, action.name)
    while True:
        passed = time.monotonic() - started
        why_not = why_incomplete("Deployment", deployment)
        well_since = None if why_not else passed if well_since is None else well_since
        if new := kills.new():
            return _answer(deployment, passed, f"killed for memory again: {', '.join(sorted(new))}", False)
        if well_since is not None and passed - well_since >= action.soak_seconds:
            if not (hurt := worse(cluster, action.neighbours, namespace)):
                return _answer(deployment, passed, f"complete, and so for {action.soak_seconds:g} s", True)
            why_not = f"it is well, and others are worse than before: {'; '.join(hurt[:5])}"
        if _has_stalled(deployment):
            return _answer(deployment, passed, f"the rollout is stuck: {why_not}", False)
        if (why_not and passed > action.deadline_seconds) or not watch.wait():
            return _answer(deployment, passed, f"not well in time: {why_not or 'the soak is not over'}", False)
        deployment = _again(deployment, action.name, namespace, cluster)


def _again(last: Document, name: str, namespace: str, cluster: Cluster) -> Document:
    """The Deployment now; as it was last seen while the API server is away."""
    try:
        return cluster.deployment(namespace, name)
    except InfrastructureError:
        return last


def _has_stalled(deployment: Document) -> bool:
    status = deployment.get("status") or {}
    if int(status.get("observedGeneration", 0)) < int(deployment["metadata"].get("generation", 0)):
        return False
    return any(
        each["type"] == "Progressing" and each["status"] == "False" and each.get("reason") == _DEADLINE_EXCEEDED
        for each in status.get("conditions") or ()
    )


class _OomKills:
    """OOM kills of current pods that were not there at the first look, each by pod, container and time."""

    def __init__(self, action: VerifyWorkload, namespace: str, cluster: Cluster) -> None:
        self._action = action
        self._namespace = namespace
        self._cluster = cluster
        self._known: set[str] | None = None
        self.new()

    def new(self) -> set[str]:
        """Those since the first look; none while the API server is away."""
        if not self._action.watch_oom:
            return set()
        try:
            found = self._look()
        except InfrastructureError:
            return set()
        if self._known is None:
            self._known = found
        return found - self._known

    def _look(self) -> set[str]:
        deployment = self._cluster.deployment(self._namespace, self._action.name)
        revision = revision_of(deployment)
        replica_sets = self._cluster.replica_sets(deployment)
        current = {each["metadata"]["uid"] for each in replica_sets if revision_of(each) == revision}
        pods = self._cluster.pods(deployment)
        return {kill for pod in pods if controller_uid(pod) in current for kill in _kills_of(pod)}


def _kills_of(pod: Document) -> set[str]:
    found = set()
    for status in pod.get("status", {}).get("containerStatuses") or ():
        for state in (status.get("state"), status.get("lastState")):
            ended = (state or {}).get("terminated") or {}
            if ended.get("reason") == "OOMKilled":
                found.add(f"{pod['metadata']['name']}/{status['name']} at {ended.get('finishedAt', '?')}")
    return found


def _answer(deployment: Document, seconds: float, summary: str, verified: bool) -> VerificationAnswer:
    status = deployment.get("status") or {}
    return VerificationAnswer(
        verified=verified,
        summary=f"{deployment['metadata']['name']}: {summary}",
        observed={
            "revision": revision_of(deployment),
            "replicas": int(deployment["spec"].get("replicas", 1)),
            "available_replicas": int(status.get("availableReplicas", 0)),
            "updated_replicas": int(status.get("updatedReplicas", 0)),
            "seconds": round(seconds, 1),
        },
    )
