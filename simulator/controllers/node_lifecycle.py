"""The node lifecycle, cloud node lifecycle and taint eviction controllers: silent nodes, their taints, and the pods that must leave.

A node whose lease is older than `node_grace` is Unknown. Its pods are told, tainted away after their toleration, and stay
Terminating, as nobody is there to stop them: see `collector` for what ends that.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from aetherius.simulator.cluster import LEASE_NAMESPACE, Cluster, is_shut_down
from aetherius.simulator.controllers.scheduler import tolerance
from aetherius.simulator.deletion import delete
from aetherius.simulator.documents import (
    Document,
    condition,
    is_condition,
    is_going,
    moment,
    name_of,
    namespace_of,
    seconds,
    set_condition,
    stamp,
    uid_of,
)  # fmt: skip
from aetherius.simulator.kinds import LEASE, NODE, POD

_SOURCE = "node-controller"
_UNREACHABLE = "node.kubernetes.io/unreachable"
_NOT_READY = "node.kubernetes.io/not-ready"
_UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
_SHUTDOWN = "node.cloudprovider.kubernetes.io/shutdown"
_OURS = (_UNREACHABLE, _NOT_READY, _UNSCHEDULABLE, _SHUTDOWN)


class NodeLifecycle:
    """Watches over nodes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._evictions: dict[str, datetime] = {}

    def step(self, now: datetime) -> None:
        """One round over all nodes, then over their pods."""
        for node in self._store.all(NODE):
            if self._is_silent(node, now) and not is_condition(node, "Ready", "Unknown"):
                self._give_up(node, now)
            self._taint(self._store.get(NODE, "", name_of(node)), now)
        self._evict(now)

    def _is_silent(self, node: Document, now: datetime) -> bool:
        lease = self._store.find(LEASE, LEASE_NAMESPACE, name_of(node))
        last = lease["spec"]["renewTime"] if lease is not None else node["metadata"]["creationTimestamp"]
        return moment(last) + seconds(self._cluster.settings.node_grace) < now

    def _give_up(self, node: Document, now: datetime) -> None:
        name = name_of(node)
        why = {"reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
        with self._store.modify(NODE, node) as draft:
            for kind in ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready"):
                set_condition(draft, kind, "Unknown", now, **why)
        self._cluster.events.record(
            NODE, node, "Normal", "NodeNotReady", f"Node {name} status is now: NodeNotReady", _SOURCE
        )
        for pod in self._pods_on(name):
            if is_condition(pod, "Ready"):  # the others cannot get worse, and get no event
                with self._store.modify(POD, pod) as draft:
                    set_condition(draft, "Ready", "False", now)
                self._cluster.events.record(POD, pod, "Warning", "NodeNotReady", "Node is not ready", _SOURCE)

    def _taint(self, node: Document, now: datetime) -> None:
        """Keep the taints that follow from conditions and cordon; others are left alone."""
        ready = (condition(node, "Ready") or {}).get("status", "Unknown")
        wanted = [(_UNSCHEDULABLE, "NoSchedule")] if node["spec"].get("unschedulable") else []
        if ready != "True":
            key = _UNREACHABLE if ready == "Unknown" else _NOT_READY
            wanted += [(key, "NoSchedule"), (key, "NoExecute")]
        if ready != "True" and is_shut_down(node) and self._cluster.settings.cloud:
            wanted.append((_SHUTDOWN, "NoSchedule"))
        taints = node["spec"].get("taints") or []
        have = [(taint["key"], taint["effect"]) for taint in taints if taint["key"] in _OURS]
        if sorted(have) == sorted(wanted):
            return
        kept = [taint for taint in taints if taint["key"] not in _OURS or (taint["key"], taint["effect"]) in wanted]
        new = [{"key": k, "effect": e, "timeAdded": stamp(now)} for k, e in wanted if (k, e) not in have]
        with self._store.modify(NODE, node) as draft:
            draft["spec"]["taints"] = kept + new
            if not draft["spec"]["taints"]:
                del draft["spec"]["taints"]

    def _evict(self, now: datetime) -> None:
        """Delete the pods whose toleration of their node's NoExecute taints has run out."""
        due: dict[str, datetime] = {}
        for node in self._store.all(NODE):
            taints = [taint for taint in node["spec"].get("taints") or [] if taint["effect"] == "NoExecute"]
            for pod in self._pods_on(name_of(node)) if taints else []:
                delay = _patience(pod, taints)
                if delay is not None:
                    due[uid_of(pod)] = self._evictions.get(uid_of(pod), now + delay) if delay else now
                    if due[uid_of(pod)] <= now:
                        self._mark(pod, now)
        self._evictions = due

    def _mark(self, pod: Document, now: datetime) -> None:
        if is_going(pod):
            return
        message = f"Marking for deletion Pod {namespace_of(pod)}/{name_of(pod)}"
        self._cluster.events.record(POD, pod, "Normal", "TaintManagerEviction", message, "taint-eviction-controller")
        why = {"reason": "DeletionByTaintManager", "message": "Taint manager: deleting due to NoExecute taint"}
        with self._store.modify(POD, pod) as draft:
            set_condition(draft, "DisruptionTarget", "True", now, **why)
        delete(self._cluster, POD, pod)

    def _pods_on(self, node: str) -> list[Document]:
        return [pod for pod in self._store.all(POD) if pod["spec"].get("nodeName") == node]


def _patience(pod: Document, taints: list[Document]) -> timedelta | None:
    """How long a pod may stay; None means for ever."""
    shortest: int | None = None
    for taint in taints:
        found = tolerance(pod, taint)
        if found is None:
            return timedelta(0)
        if found.get("tolerationSeconds") is not None:
            limit = int(found["tolerationSeconds"])
            shortest = limit if shortest is None else min(shortest, limit)
    return None if shortest is None else timedelta(seconds=shortest)
