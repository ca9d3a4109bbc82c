"""Watches until every workload that was on a node has its replicas Ready elsewhere."""

from __future__ import annotations

import time
from typing import Final

from aetherius.domain.errors import InfrastructureError
from aetherius.domain.repair.answers import VerificationAnswer, WorkloadRef
from aetherius.domain.repair.verify_evacuation import ENTRY as ACTION
from aetherius.domain.repair.verify_evacuation import VerifyEvacuation
from aetherius.edge_agent.repair.cluster import Cluster, Document, Stopwatch, is_true, selector_of
from aetherius.edge_agent.repair.drain_node import must_move
from aetherius.edge_agent.repair.neighbours import worse
from aetherius.edge_agent.repair.performer import Job, Performer

_PATHS: Final = {"Deployment": "deployments", "StatefulSet": "statefulsets", "ReplicaSet": "replicasets"}
"""Kinds whose replicas are counted; others (a Job, a DaemonSet) have no number to hold elsewhere."""
_MOVED: Final = ("Deployment", "StatefulSet")
"""Kinds that are looked at where nobody knows what ran on the node; the agent may list both."""


class VerifyEvacuationPerformer(Performer[VerifyEvacuation]):
    """Never refuses: what cannot be seen is not verified."""

    action = ACTION

    def verify(self, job: Job[VerifyEvacuation]) -> VerificationAnswer:
        """Watch where the workloads run."""
        return _watched(job.parameters, job.cluster, job.watch)


ENTRY = VerifyEvacuationPerformer()


def _watched(action: VerifyEvacuation, cluster: Cluster, watch: Stopwatch) -> VerificationAnswer:
    watch = watch.within(action.deadline_seconds)
    started = time.monotonic()
    lacking = ["nothing was seen yet"]
    while True:
        try:
            lacking = _all_lacks(action, cluster)
        except InfrastructureError as exc:
            lacking = [str(exc)]
        if not lacking or not watch.wait():
            return _answer(action, lacking, time.monotonic() - started)


def _all_lacks(action: VerifyEvacuation, cluster: Cluster) -> list[str]:
    if action.only_left:
        return [*_left(action.node, cluster), *_waiting(cluster)]
    lacking = [why for each in action.workloads if (why := _lack(each, action.node, cluster))]
    return lacking or [f"worse than before: {each}" for each in worse(cluster, action.neighbours)]


def _left(node: str, cluster: Cluster) -> list[str]:
    pods = cluster.api.list("/api/v1/pods", field_selector=f"spec.nodeName={node}")
    return [f"{pod['metadata']['namespace']}/{pod['metadata']['name']} is left" for pod in pods if must_move(pod)]


def _waiting(cluster: Cluster) -> list[str]:
    """Workloads of the whole cluster that lack replicas: any of them may be what ran on the node."""
    return [
        why
        for kind in _MOVED
        for each in cluster.api.list(f"/apis/apps/v1/{_PATHS[kind]}")
        if (why := _short(kind, each))
    ]


def _short(kind: str, workload: Document) -> str:
    wanted = int(workload["spec"].get("replicas", 1))
    ready = int((workload.get("status") or {}).get("readyReplicas", 0))
    name = f"{kind} {workload['metadata']['namespace']}/{workload['metadata']['name']}"
    return "" if ready >= wanted else f"{name}: {ready} of {wanted} replicas are Ready"


def _lack(workload: WorkloadRef, node: str, cluster: Cluster) -> str:
    """What a workload lacks; empty when it has all it wants, or exists no more."""
    if workload.kind not in _PATHS:
        return ""
    found = cluster.api.find(f"/apis/apps/v1/namespaces/{workload.namespace}/{_PATHS[workload.kind]}/{workload.name}")
    if found is None:
        return ""
    pods = cluster.api.list(f"/api/v1/namespaces/{workload.namespace}/pods", label_selector=selector_of(found))
    ready = sum(
        is_true(pod, "Ready") and pod["spec"].get("nodeName") != node and "deletionTimestamp" not in pod["metadata"]
        for pod in pods
    )
    wanted = int(found["spec"].get("replicas", 1))
    name = f"{workload.kind} {workload.namespace}/{workload.name}"
    return "" if ready >= wanted else f"{name}: {ready} of {wanted} replicas are Ready elsewhere"


def _answer(action: VerifyEvacuation, lacking: list[str], seconds: float) -> VerificationAnswer:
    count = len(action.workloads)
    well = f"all {count} workloads have their replicas Ready elsewhere"
    if action.only_left:
        well = "no pod that had to move is left there, and no workload lacks replicas; what ran there is not known"
    summary = "; ".join(lacking) if lacking else well
    return VerificationAnswer(
        verified=not lacking,
        summary=f"{action.node}: {summary}",
        observed={"workloads": count, "lacking": len(lacking), "seconds": round(seconds, 1)},
    )
