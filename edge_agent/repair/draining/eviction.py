"""One eviction: what the server says to it, and what that means. Budgets are the server's to judge, and are never bypassed."""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from aetherius.edge_agent.errors import ClusterRefusedError
from aetherius.edge_agent.repair.cluster import Cluster, Document, Stopwatch

_BUDGET: Final = "DisruptionBudget"
_NAMESPACE_GOES: Final = "NamespaceTerminating"
"""Cause of a refused eviction: the pod goes with its namespace."""
_RETRY: Final = 1.0
"""Seconds to wait for a server that throttles and does not say how long."""
_PATIENCE: Final = 30.0
"""No throttling server is waited for longer between two looks."""


class Ruling(enum.Enum):
    """What the server says to an eviction."""

    ALLOWED = enum.auto()
    GOING = enum.auto()
    """It is gone, or being deleted without us."""
    BUDGET = enum.auto()
    """A disruption budget refuses."""
    THROTTLED = enum.auto()
    """The server has too much to do: no word about the pod."""


class Verdict(msgspec.Struct, frozen=True):
    """A ruling and why."""

    ruling: Ruling
    why: str = ""
    retry_after: float = 0.0


def evict(cluster: Cluster, namespace: str, pod: str, uid: str, *, dry_run: bool) -> Verdict:
    """Ask for the eviction of exactly this pod (its uid), not of one that got its name since.

    Raises:
        ClusterRefusedError: the server refuses for a reason that says nothing about the pod.
    """
    options: Document = {"preconditions": {"uid": uid}} if uid else {}
    if dry_run:
        options["dryRun"] = ["All"]
    metadata = {"name": pod, "namespace": namespace}
    body: Document = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata, "deleteOptions": options}
    try:
        cluster.api.create(f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction", body, dry_run=dry_run)
    except ClusterRefusedError as exc:
        return _verdict(exc)
    return Verdict(Ruling.ALLOWED)


def asked(cluster: Cluster, namespace: str, pod: str, uid: str, watch: Stopwatch) -> Verdict:
    """What the server would say, by a dry run; a throttling server is asked again while there is time."""
    while True:
        verdict = evict(cluster, namespace, pod, uid, dry_run=True)
        if verdict.ruling is not Ruling.THROTTLED or not watch.wait(verdict.retry_after):
            return verdict


def _verdict(exc: ClusterRefusedError) -> Verdict:
    if exc.status in (404, 409) or _NAMESPACE_GOES in exc.causes:
        return Verdict(Ruling.GOING, "is being deleted already")
    if exc.status == 429 and _BUDGET in exc.causes:
        return Verdict(Ruling.BUDGET, exc.message or "a disruption budget refuses")
    if exc.status == 429:
        return Verdict(
            Ruling.THROTTLED, exc.message or "the server throttles", min(exc.retry_after or _RETRY, _PATIENCE)
        )
    if exc.status == 500 and "DisruptionBudget" in exc.message:  # several budgets: the server cannot say which holds
        return Verdict(Ruling.BUDGET, exc.message)
    raise exc
