"""The cluster as the typed actions use it: a few reads and writes by name, and a deadline that ends every waiting."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from aetherius.edge_agent.errors import ClusterRefusedError, RepairRefusedError
from aetherius.edge_agent.kubernetes_api import KubernetesApi, PatchType
from aetherius.edge_agent.watching.revisions import AvailableRevisions
from aetherius.runtime.clock import Clock, utc_now

REVISION: Final = "deployment.kubernetes.io/revision"
POLL: Final = 0.5
"""Seconds between looks while something is awaited."""
PROVEN_AFTER: Final = 60.0
"""Seconds of `Cluster.proven_after`: a container that dies at its start, or of a full heap, is Ready for less."""

_ATTEMPTS: Final = 6
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

Document = dict[str, Any]
T = TypeVar("T")


class Stopwatch:
    """Seconds left for an action; `cancel` ends it early. Safe to use from several threads."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._cancelled = threading.Event()

    @property
    def left(self) -> float:
        """Seconds; 0 when it is over or cancelled."""
        return 0.0 if self._cancelled.is_set() else max(0.0, self._end - time.monotonic())

    @property
    def cancelled(self) -> bool:
        """Whether somebody called the action back."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Have the action end at its next look."""
        self._cancelled.set()

    def wait(self, seconds: float = POLL) -> bool:
        """Wait, at most until the end. False when it is over."""
        self._cancelled.wait(min(seconds, self.left))
        return self.left > 0

    def within(self, seconds: float) -> Stopwatch:
        """A stopwatch for a part of the action: shorter, and cancelled with it."""
        part = Stopwatch(min(seconds, self.left))
        part._cancelled = self._cancelled
        return part


class Cluster:
    """Blocking, and safe to use from several threads."""

    def __init__(
        self,
        api: KubernetesApi,
        revisions: AvailableRevisions,
        proven_after: float = PROVEN_AFTER,
        clock: Clock = utc_now,
    ) -> None:
        self.api = api
        self.clock = clock
        """The agent's: what is told of ages goes by it."""
        self.revisions = revisions
        self.proven_after = proven_after
        """Seconds for which a revision must have been available to count as one that works."""
        self._turn = threading.Lock()

    @contextmanager
    def turn(self, watch: Stopwatch) -> Iterator[None]:
        """Alone, among those who count what is free in the cluster and then take it. Raises ``RepairRefusedError`` when the others take too long."""
        while not self._turn.acquire(timeout=min(POLL, watch.left)):
            if watch.left <= 0:
                raise RepairRefusedError("another repair was still counting the cluster's room; nothing was changed")
        try:
            yield
        finally:
            self._turn.release()

    def deployment(self, namespace: str, name: str) -> Document:
        """A Deployment. Raises ``RepairRefusedError`` if there is none."""
        found = self.api.find(deployment_path(namespace, name))
        if found is None:
            raise RepairRefusedError(f"there is no Deployment {namespace}/{name}")
        return found

    def node(self, name: str) -> Document:
        """A node. Raises ``RepairRefusedError`` if there is none."""
        found = self.api.find(f"/api/v1/nodes/{name}")
        if found is None:
            raise RepairRefusedError(f"there is no node {name}")
        return found

    def replica_sets(self, deployment: Document) -> list[Document]:
        """A Deployment's own ReplicaSets, in the order of their revisions."""
        namespace, uid = deployment["metadata"]["namespace"], deployment["metadata"]["uid"]
        found = self.api.list(
            f"/apis/apps/v1/namespaces/{namespace}/replicasets", label_selector=selector_of(deployment)
        )
        return sorted((each for each in found if controller_uid(each) == uid), key=revision_of)

    def pods(self, deployment: Document) -> list[Document]:
        """The pods that a Deployment's selector finds."""
        namespace = deployment["metadata"]["namespace"]
        return self.api.list(f"/api/v1/namespaces/{namespace}/pods", label_selector=selector_of(deployment))

    def may(self, verb: str, resource: str, namespace: str) -> bool:
        """Whether we have a right, by the server's own word: asking by trying would show as a refusal in its log."""
        attributes = {"verb": verb, "resource": resource, "namespace": namespace}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        asked = self.api.create(_REVIEWS, {**body, "spec": {"resourceAttributes": attributes}})
        return bool((asked.get("status") or {}).get("allowed"))

    def change(self, seen: Document, path: str, body: Document, patch_type: PatchType) -> Document:
        """Change the object as it was `seen`: as a server-side dry run first, so that what the server would refuse changes nothing.

        Raises:
            ClusterRefusedError: 409, somebody has changed it meanwhile: look and decide again.
        """
        self.rehearse(seen, path, body, patch_type)
        return self.api.patch(path, _guarded(seen, body), patch_type=patch_type)

    def rehearse(self, seen: Document, path: str, body: Document, patch_type: PatchType) -> Document:
        """The object as the change would make it, by a server-side dry run: nothing is changed. Raises as `change` does."""
        return self.api.patch(path, _guarded(seen, body), patch_type=patch_type, dry_run=True)


def _guarded(seen: Document, body: Document) -> Document:
    metadata = {**body.get("metadata", {}), "resourceVersion": seen["metadata"]["resourceVersion"]}
    return {**body, "metadata": metadata}


def until_unchanged(attempt: Callable[[], T]) -> T:
    """Look, decide and change; again when somebody (a controller writing a status) was faster.

    Raises:
        ClusterRefusedError: it kept changing, or the server refuses for another reason.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return attempt()
        except ClusterRefusedError as exc:
            if exc.status != 409:
                raise
            time.sleep(random.uniform(0.02, 0.2))  # noqa: S311 - spreads the writers
    return attempt()


def deployment_path(namespace: str, name: str) -> str:
    """The path of a Deployment."""
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


def selector_of(workload: Document) -> str:
    """A workload's selector, as a query writes it."""
    selector = workload["spec"].get("selector") or {}
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for rule in selector.get("matchExpressions") or ():
        parts.append(_expression(rule))
    return ",".join(parts)


def _expression(rule: Document) -> str:
    key, values = rule["key"], ",".join(rule.get("values") or ())
    match rule["operator"]:
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "Exists":
            return str(key)
        case _:
            return f"!{key}"


def controller_of(document: Document) -> Document | None:
    """The owner reference of an object's controller."""
    owners = document["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def controller_uid(document: Document) -> str:
    """The uid of an object's controller; empty for none."""
    return str((controller_of(document) or {}).get("uid", ""))


def revision_of(document: Document) -> int:
    """The revision that the Deployment controller wrote on a Deployment or ReplicaSet; 0 for none yet."""
    text = (document["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if str(text).isdigit() else 0


def is_true(document: Document, condition: str) -> bool:
    """Whether a condition of the object's status is `True`."""
    return _has(document, condition, "True")


def is_unknown(document: Document, condition: str) -> bool:
    """Whether a condition of the object's status is `Unknown`: whoever should say has not for long."""
    return _has(document, condition, "Unknown")


def _has(document: Document, condition: str, status: str) -> bool:
    conditions = document.get("status", {}).get("conditions") or ()
    return any(each["type"] == condition and each["status"] == status for each in conditions)
