"""The scheduler: a pod goes to the node that may take it and has the fewest pods, first of the same workload."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from decimal import Decimal

from aetherius.simulator.cluster import Cluster
from aetherius.simulator.documents import (
    Document,
    controller_of,
    is_going,
    labels_of,
    name_of,
    namespace_of,
    set_condition,
)
from aetherius.simulator.kinds import NODE, POD
from aetherius.simulator.quantities import quantity

_SOURCE = "default-scheduler"
_ENDED = ("Succeeded", "Failed")


class Scheduler:
    """Binds pods to nodes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._store = cluster.store

    def step(self, now: datetime) -> None:
        """One round over the pods without a node."""
        for pod in self._store.all(POD):
            if not pod["spec"].get("nodeName") and not is_going(pod):
                self._place(pod, now)

    def _place(self, pod: Document, now: datetime) -> None:
        held = [
            other
            for other in self._store.all(POD)
            if other["spec"].get("nodeName") and other["status"].get("phase") not in _ENDED
        ]
        nodes = self._store.all(NODE)
        refusals = {name_of(node): _refusal(pod, node, held) for node in nodes}
        fit = [node for node in nodes if not refusals[name_of(node)]]
        if not fit:
            self._refuse(pod, refusals, now)
            return
        self._bind(pod, name_of(min(fit, key=lambda node: _load(pod, node, held))), now)

    def _bind(self, pod: Document, node: str, now: datetime) -> None:
        with self._store.modify(POD, pod) as draft:
            draft["spec"]["nodeName"] = node
            set_condition(draft, "PodScheduled", "True", now)
        message = f"Successfully assigned {namespace_of(pod)}/{name_of(pod)} to {node}"
        self._cluster.events.record(POD, pod, "Normal", "Scheduled", message, _SOURCE)

    def _refuse(self, pod: Document, refusals: dict[str, str], now: datetime) -> None:
        reasons = ", ".join(f"{count} {why}" for why, count in sorted(Counter(refusals.values()).items()))
        message = f"0/{len(refusals)} nodes are available: {reasons or 'no nodes'}."
        before = next((c for c in pod["status"].get("conditions") or [] if c["type"] == "PodScheduled"), None)
        if before is not None and before.get("message") == message:
            return
        with self._store.modify(POD, pod) as draft:
            set_condition(draft, "PodScheduled", "False", now, reason="Unschedulable", message=message)
        self._cluster.events.record(POD, pod, "Warning", "FailedScheduling", message, _SOURCE)


def _refusal(pod: Document, node: Document, held: list[Document]) -> str:
    """Why the node cannot take the pod; empty when it can."""
    if node["spec"].get("unschedulable") and not _tolerates(
        pod, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    ):
        return "node(s) were unschedulable"
    for taint in node["spec"].get("taints") or []:
        if taint["effect"] in ("NoSchedule", "NoExecute") and not _tolerates(pod, taint):
            return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    wanted = pod["spec"].get("nodeSelector") or {}
    if not wanted.items() <= labels_of(node).items():
        return "node(s) didn't match Pod's node affinity/selector"
    return _shortage(pod, node, held)


def tolerance(pod: Document, taint: Document) -> Document | None:
    """The pod's toleration of a taint."""
    return next((t for t in pod["spec"].get("tolerations") or [] if _matches(t, taint)), None)


def _tolerates(pod: Document, taint: Document) -> bool:
    return tolerance(pod, taint) is not None


def _matches(toleration: Document, taint: Document) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    same_value = toleration.get("value", "") == taint.get("value", "")
    return bool(toleration.get("key") == taint["key"] and same_value)


def _shortage(pod: Document, node: Document, held: list[Document]) -> str:
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    there = [other for other in held if other["spec"]["nodeName"] == name_of(node)]
    if "pods" in allocatable and len(there) >= int(allocatable["pods"]):
        return "Too many pods"
    for resource in ("cpu", "memory"):
        used = sum((_requested(other, resource) for other in there), Decimal(0))
        if resource in allocatable and used + _requested(pod, resource) > quantity(allocatable[resource]):
            return f"Insufficient {resource}"
    return ""


def _requested(pod: Document, resource: str) -> Decimal:
    requests = ((container.get("resources") or {}).get("requests") or {} for container in pod["spec"]["containers"])
    return sum((quantity(request[resource]) for request in requests if resource in request), Decimal(0))


def _load(pod: Document, node: Document, held: list[Document]) -> tuple[int, int, str]:
    there = [other for other in held if other["spec"]["nodeName"] == name_of(node)]
    owner = (controller_of(pod) or {}).get("uid")
    same = sum((controller_of(other) or {}).get("uid") == owner for other in there)
    return same, len(there), name_of(node)
