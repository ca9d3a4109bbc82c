"""What was meant to end: pods that were told to go or are done, and nodes that are serviced or removed. Their last words are no trouble of anybody's.

A node's excuse has an end: one that was to be back, or to be gone, and is neither, is lost whatever was meant.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

from aetherius.edge_agent.kubernetes_objects import Node, Pod
from aetherius.edge_agent.watching.node_plans import Plan, plan_of

MAX_KNOWN: Final = 50_000
"""Pods and nodes remembered; the longest unused are forgotten first. They stay after they are gone: their last events come later."""
LEAVING: Final = "leaving"
FINISHED: Final = "finished"
PLANNED: Final = "planned"
SERVICE: Final = timedelta(minutes=15)
"""For which a node that is serviced (cordoned, rebooted) may be away: a machine with much memory to test needs ten minutes to start."""
REMOVAL: Final = timedelta(hours=2)
"""For which a node that is taken away, or was shut down in order, may be away: until then clouds have deleted the machine, and its node with it."""
_TERMS: Final = {
    Plan.NONE: timedelta(0),
    Plan.CORDON: SERVICE,
    Plan.SERVICE: SERVICE,
    Plan.SHUTDOWN: REMOVAL,
    Plan.REMOVAL: REMOVAL,
}


def excuse_of_pod(pod: Pod) -> str:
    """Why the pod's containers may end as they like; empty where they may not."""
    if pod.metadata.deletion_timestamp is not None:
        return LEAVING
    return FINISHED if pod.status.phase == "Succeeded" else ""


def excuse_of_node(node: Node, now: datetime) -> str:
    """Why the node may be away at this moment; empty where it may not, or not any more."""
    if plan_of(node).plan is Plan.NONE:
        return ""
    end = excused_until(node)
    return PLANNED if end is None or now < end else ""


def excused_until(node: Node) -> datetime | None:
    """When the excuse of a node that is away ends; None for one that is not away, that has no excuse, or does not say since when it is away."""
    ready, plan = node.ready, plan_of(node).plan
    if ready is None or ready.status == "True" or ready.last_transition_time is None or plan is Plan.NONE:
        return None
    return ready.last_transition_time + _TERMS[plan]


class Standing:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._excuses: OrderedDict[tuple[str, str, str], tuple[str, str]] = OrderedDict()
        self._lock = threading.Lock()

    def learn_pod(self, pod: Pod, *, deleted: bool = False) -> None:
        """Remember how it stands; a pod that was deleted was told to go, whoever saw it."""
        excuse = excuse_of_pod(pod) or (LEAVING if deleted else "")
        self._remember(("Pod", pod.metadata.namespace, pod.metadata.name), pod.metadata.uid, excuse)

    def learn_node(self, node: Node, now: datetime, *, deleted: bool = False) -> None:
        """Remember how it stands at this moment."""
        self._remember(("Node", "", node.metadata.name), "", excuse_of_node(node, now) or (PLANNED if deleted else ""))

    def of_pod(self, namespace: str, name: str, uid: str) -> str:
        """The excuse of a pod, by its name and, where that is known, its uid; empty for none."""
        known_uid, excuse = self._known(("Pod", namespace, name))
        return excuse if not uid or uid == known_uid else ""

    def of_node(self, name: str) -> str:
        """The excuse of a node; empty for none."""
        return self._known(("Node", "", name))[1]

    def _known(self, key: tuple[str, str, str]) -> tuple[str, str]:
        with self._lock:
            return self._excuses.get(key, ("", ""))

    def _remember(self, key: tuple[str, str, str], uid: str, excuse: str) -> None:
        with self._lock:
            self._excuses.pop(key, None)
            if excuse:
                self._excuses[key] = (uid, excuse)
            if len(self._excuses) > MAX_KNOWN:
                self._excuses.popitem(last=False)
