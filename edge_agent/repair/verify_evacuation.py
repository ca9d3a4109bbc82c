"""Watches until every workload that was on a node has its replicas Ready elsewhere."""

from __future__ import annotations

import time
from typing import Final

from aetherius.domain.errors import InfrastructureError
from aetherius.domain.wire.repair import VerificationAnswer, VerifyEvacuation, WorkloadRef
from aetherius.edge_agent.repair.cluster import Cluster, Stopwatch, is_true, selector_of

_PATHS: Final = {"Deployment": "deployments", "StatefulSet": "statefulsets", "ReplicaSet": "replicasets"}
"""Kinds whose replicas are counted; others (a Job, a DaemonSet) have no number to hold elsewhere."""


def verify_evacuation(action: VerifyEvacuation, cluster: Cluster, watch: Stopwatch) -> VerificationAnswer:
    """Say whether it came so within the deadline."""
    watch = watch.within(action.deadline_seconds)
    started = time.monotonic()
    lacking = ["nothing was seen yet"]
    while True:
        try:
            lacking = [why for each in action.workloads if (why := _lack(each, action.node, cluster))]
        except InfrastructureError as exc:
            lacking = [str(exc)]
        if not lacking or not watch.wait():
            return _answer(action, lacking, time.monotonic() - started)


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
    summary = "; ".join(lacking) if lacking else f"all {count} workloads have their replicas Ready elsewhere"
    return VerificationAnswer(
        verified=not lacking,
        summary=f"{action.node}: {summary}",
        observed={"workloads": count, "lacking": len(lacking), "seconds": round(seconds, 1)},
    )
