"""A drain under way: evictions one after the other, so that no workload loses more than it can spare, until all is told to go, or somebody stops it.

A pod that serves is evicted only while its owner has as many Ready pods as at the start: its replacement is waited for, budget or not. Pods that do not
serve (those of a lost node) go at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

import msgspec

from aetherius.domain.repair.drain_node import DrainNode, PodPlacement
from aetherius.edge_agent.repair.cluster import Cluster, Stopwatch, is_true, until_unchanged
from aetherius.edge_agent.repair.draining.eviction import Ruling, evict
from aetherius.edge_agent.repair.draining.node_state import state_of
from aetherius.edge_agent.repair.draining.plan import Plan
from aetherius.edge_agent.repair.node_marks import set_out_of_service
from aetherius.edge_agent.repair.scheduling.pods import SchedulingPod

_ENDS: Final = ("Job",)
"""Kinds whose pods are not replaced one for one."""


class Course:
    """One drain; `run` it once, then ask what came of it."""

    def __init__(self, order: DrainNode, plan: Plan, cluster: Cluster, watch: Stopwatch) -> None:
        self._order, self._plan, self._cluster, self._watch = order, plan, cluster, watch
        self._moving = [each for each in plan.placements if each.decision in ("evict", "no_room")]
        self._waiting = list(self._moving)
        self._why: dict[str, str] = {}
        self._not_before = 0.0
        self.ended = ""
        """Why it ended early."""
        self.taint = ""
        """Why no taint was set, or what it removed."""
        self._wanted = self._serving() if self._waiting else {}

    @property
    def told(self) -> bool:
        """Every pod that must move was told to."""
        return not self._waiting

    def run(self) -> None:
        """Evict, then see the pods off."""
        while self._waiting and not self._is_over():
            self._step()
            if self._waiting:
                self._watch.wait()
        while not self._waiting and self._there() and not self._is_over():
            self._let_go()
            self._watch.wait()

    def left(self) -> list[str]:
        """Pods that are still there, each with why."""
        there = self._there()
        pending = {each.uid for each in self._waiting}
        return [
            f"{each.namespace}/{each.pod} ({self._reason(each, pending)})" for each in self._moving if each.uid in there
        ]

    def moved(self) -> int:
        """Pods that are gone."""
        return len({each.uid for each in self._moving} - self._there())

    def _reason(self, pod: PodPlacement, pending: set[str]) -> str:
        return (
            f"not evicted: {self._why.get(pod.uid, 'its turn had not come')}" if pod.uid in pending else "terminating"
        )

    def _is_over(self) -> bool:
        if self._watch.cancelled:
            self.ended = "it was cancelled"
        elif self._watch.left <= 0:
            self.ended = "" if self.told else "its time was over"
        elif self._order.only_lost and is_true(self._cluster.node(self._order.node), "Ready"):
            self.ended = f"{self._order.node} came back"
        else:
            return False
        return True

    def _step(self) -> None:
        """One round: each owner gives at most one serving pod."""
        serving = self._serving()
        asked: set[str] = set()
        for pod in list(self._waiting):
            if self._watch.left <= 0 or time.monotonic() < self._not_before:
                return
            if pod.ready and pod.owner_kind not in _ENDS:
                if pod.owner_uid in asked or serving.get(pod.owner_uid, 0) < self._wanted.get(pod.owner_uid, 0):
                    self._why[pod.uid] = "the pod that replaces another one of its workload is not Ready yet"
                    continue
                asked.add(pod.owner_uid)
            self._evict(pod)

    def _evict(self, pod: PodPlacement) -> None:
        verdict = evict(self._cluster, pod.namespace, pod.pod, pod.uid, dry_run=False)
        if verdict.ruling in (Ruling.ALLOWED, Ruling.GOING):
            self._waiting.remove(pod)
        else:
            self._why[pod.uid] = verdict.why
        if verdict.ruling is Ruling.THROTTLED:
            self._not_before = time.monotonic() + verdict.retry_after

    def _let_go(self) -> None:
        """Set the taint where the node is shown to be dead and nothing is lost that must not be; say why where it is not."""
        node = self._cluster.node(self._order.node)
        if is_true(node, "Ready"):
            return
        self.taint = state_of(node, self._cluster).why_alive(self._order) or self._would_lose()
        if not self.taint:
            until_unchanged(lambda: set_out_of_service(self._cluster, self._order.node))
            self.taint = what_taint_removes(self._plan.placements)

    def _would_lose(self) -> str:
        bare = self._plan.lost_by_taint
        if not bare or self._order.may_lose_data:
            return ""
        return f"it would remove pods that nobody starts again: {', '.join(bare)}"

    def _serving(self) -> dict[str, int]:
        """Ready pods by owner, wherever they run, of the owners that have pods on the node."""
        owners = {each.owner_uid for each in self._waiting}
        found: dict[str, int] = {}
        for pod in self._pods_of({each.namespace for each in self._waiting}):
            owner = pod.metadata.controller
            if owner is not None and owner.uid in owners and pod.ready and not pod.going:
                found[owner.uid] = found.get(owner.uid, 0) + 1
        return found

    def _pods_of(self, namespaces: Iterable[str]) -> Iterable[SchedulingPod]:
        for namespace in sorted(namespaces):
            for page in self._cluster.api.pages(f"/api/v1/namespaces/{namespace}/pods"):
                yield from (msgspec.json.decode(raw, type=SchedulingPod) for raw in page.items)

    def _there(self) -> set[str]:
        pods = self._cluster.api.list("/api/v1/pods", field_selector=f"spec.nodeName={self._order.node}")
        return {str(pod["metadata"]["uid"]) for pod in pods} & {each.uid for each in self._moving}


def what_taint_removes(placements: list[PodPlacement]) -> str:
    """All that the taint removes, in words."""
    gone = [each for each in placements if each.lost_by_taint]
    named = ", ".join(f"{each.namespace}/{each.pod}{_notes(each)}" for each in gone[:20])
    more = f" and {len(gone) - 20} more" if len(gone) > 20 else ""
    return f"it removes {len(gone)} pods: {named}{more}" if gone else "it removes no pod"


def _notes(pod: PodPlacement) -> str:
    kind = f"of {pod.owner_kind}" if pod.owner_kind else "nobody starts it again"
    notes = [kind, *(f"budget {each}" for each in pod.budgets), *pod.local_data]
    return f" ({'; '.join(notes)})"
