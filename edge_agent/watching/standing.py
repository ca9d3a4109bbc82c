"""What was meant to end: pods that were told to go or are done, and nodes that are serviced or removed. Their last words are no trouble of anybody's."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from aetherius.edge_agent.kubernetes_objects import Node, Pod

MAX_KNOWN: Final = 50_000
"""Pods and nodes remembered; the longest unused are forgotten first. They stay after they are gone: their last events come later."""
CORDONED: Final = "aetherius.io/cordoned"
"""Annotation of a node: the cordon is a repair's of ours."""
LEAVING: Final = "leaving"
FINISHED: Final = "finished"
PLANNED: Final = "planned"
_REMOVERS: Final = ("ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupt")
"""Beginnings of taints by which an autoscaler says that it takes a node away."""
_SHUTTING_DOWN: Final = "node is shutting down"


def excuse_of_pod(pod: Pod) -> str:
    """Why the pod's containers may end as they like; empty where they may not."""
    if pod.metadata.deletion_timestamp is not None:
        return LEAVING
    return FINISHED if pod.status.phase == "Succeeded" else ""


def excuse_of_node(node: Node) -> str:
    """Why the node may be away; empty where it may not. A cordon of our own comes after a loss and excuses nothing."""
    cordoned = node.spec.unschedulable and CORDONED not in node.metadata.annotations
    removed = any(taint.key.startswith(_REMOVERS) for taint in node.spec.taints)
    shut_down = node.ready is not None and _SHUTTING_DOWN in (node.ready.message or "")
    return PLANNED if cordoned or removed or shut_down or node.metadata.deletion_timestamp is not None else ""


class Standing:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._excuses: OrderedDict[tuple[str, str, str], tuple[str, str]] = OrderedDict()
        self._lock = threading.Lock()

    def learn_pod(self, pod: Pod, *, deleted: bool = False) -> None:
        """Remember how it stands; a pod that was deleted was told to go, whoever saw it."""
        excuse = excuse_of_pod(pod) or (LEAVING if deleted else "")
        self._remember(("Pod", pod.metadata.namespace, pod.metadata.name), pod.metadata.uid, excuse)

    def learn_node(self, node: Node, *, deleted: bool = False) -> None:
        """Remember how it stands."""
        self._remember(("Node", "", node.metadata.name), "", excuse_of_node(node) or (PLANNED if deleted else ""))

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
