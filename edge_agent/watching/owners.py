"""Who owns what: the workload at the top of an object's owner references, from what the watches showed and, for the rest, by asking once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import msgspec

from aetherius.domain.errors import InfrastructureError
from aetherius.edge_agent.kubernetes_objects import Metadata

MAX_KNOWN = 50_000
"""Objects remembered; the longest unused are forgotten first. About 300 bytes each. Deleted ones stay: their last events come later."""

_PATHS: Final = {
    "Pod": "/api/v1/namespaces/{}/pods/{}",
    "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets/{}",
    "Job": "/apis/batch/v1/namespaces/{}/jobs/{}",
}
_NO_WORKLOADS: Final = frozenset({"Pod", "Node"})
"""Kinds that are not their own workload when nobody owns them."""
_TOPS: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"})
"""Kinds whose own events are about a workload."""


class Owner(msgspec.Struct, frozen=True):
    """A workload, or nothing."""

    kind: str = ""
    name: str = ""


class _Known(msgspec.Struct, frozen=True):
    owner: Owner
    node: str = ""


class Owners:
    """Safe to use from several threads."""

    def __init__(self, find: Callable[[str], dict[str, Any] | None]) -> None:
        """`find` reads one object by its path, None for absent."""
        self._find = find
        self._known: OrderedDict[tuple[str, str, str], _Known] = OrderedDict()
        self._lock = threading.Lock()

    def learn(self, kind: str, metadata: Metadata, node: str = "") -> None:
        """Remember who controls an object, and where it runs."""
        controller = metadata.controller
        owner = Owner(controller.kind, controller.name) if controller else Owner()
        self._remember((kind, metadata.namespace, metadata.name), _Known(owner, node))

    def top(self, kind: str, namespace: str, name: str) -> Owner:
        """The workload at the top, of whatever kind: Pod -> ReplicaSet -> Deployment, or -> Rollout. Empty for what owns itself and is no workload: a
        bare pod, a node, or an object that is gone."""
        if kind not in _PATHS and kind not in _TOPS:
            return Owner()
        for _ in range(4):  # no real chain is longer
            known = self._lookup(kind, namespace, name)
            if not known.owner.kind or known.owner.kind == "Node":  # a static pod is the node's own
                break
            kind, name = known.owner.kind, known.owner.name
        return Owner() if kind in _NO_WORKLOADS else Owner(kind, name)

    def node_of(self, namespace: str, pod: str) -> str:
        """Where a pod runs or ran; empty if unknown."""
        return self._lookup("Pod", namespace, pod).node

    def has_given_up(self, namespace: str, job: str) -> bool:
        """Whether a Job says that it failed; False too where nobody can ask it."""
        try:
            found = self._find(_PATHS["Job"].format(namespace, job))
        except InfrastructureError:
            return False
        conditions = ((found or {}).get("status") or {}).get("conditions") or ()
        return any(each.get("type") == "Failed" and each.get("status") == "True" for each in conditions)

    def _lookup(self, kind: str, namespace: str, name: str) -> _Known:
        key = (kind, namespace, name)
        with self._lock:
            if known := self._known.get(key):
                self._known.move_to_end(key)
                return known
        known = self._ask(*key)
        if known is None:
            return _Known(Owner())  # not remembered: the server may be back next time
        self._remember(key, known)
        return known

    def _ask(self, kind: str, namespace: str, name: str) -> _Known | None:
        if kind not in _PATHS or not namespace or not name:
            return _Known(Owner())
        try:
            found = self._find(_PATHS[kind].format(namespace, name))
        except InfrastructureError:
            return None
        if found is None:
            return _Known(Owner())
        metadata = msgspec.convert(found["metadata"], Metadata)
        controller = metadata.controller
        node = str((found.get("spec") or {}).get("nodeName", ""))
        return _Known(Owner(controller.kind, controller.name) if controller else Owner(), node)

    def _remember(self, key: tuple[str, str, str], known: _Known) -> None:
        with self._lock:
            self._known[key] = known
            self._known.move_to_end(key)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
