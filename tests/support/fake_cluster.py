"""A cluster in memory for tests of repairs: objects by path, evictions by rule, every write noted. As much of an API server as a performer asks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec

from aetherius.edge_agent.database import Database
from aetherius.edge_agent.errors import ClusterRefusedError
from aetherius.edge_agent.kubernetes_api import KubernetesApi
from aetherius.edge_agent.repair.cluster import Cluster
from aetherius.edge_agent.watching.revisions import AvailableRevisions

Document = dict[str, Any]
NODES, PODS, LEASES = "/api/v1/nodes", "/api/v1/pods", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


class FakeApi:
    """The part of `KubernetesApi` that repairs use. `forbidden`: paths that answer 403."""

    def __init__(self) -> None:
        self.objects: dict[str, Document] = {}
        self.writes: list[tuple[str, Document]] = []
        self.evicted: list[str] = []
        self.tried: list[Document] = []
        """Objects that were created as a dry run."""
        self.forbidden: set[str] = set()
        self.on_evict: Callable[[str, bool], None] = lambda pod, dry_run: None
        """Raises what the server refuses."""
        self.on_patch: Callable[[str, bool], None] = lambda path, dry_run: None

    def put(self, path: str, document: Document) -> Document:
        """Have an object."""
        document["metadata"].setdefault("name", path.rpartition("/")[2])
        document["metadata"].setdefault("uid", f"uid-{path.rpartition('/')[2]}")
        document["metadata"].setdefault("resourceVersion", "1")
        self.objects[path] = document
        return document

    def find(self, path: str) -> Document | None:
        self._check(path)
        return copy.deepcopy(self.objects.get(path))

    def get(self, path: str, **query: Any) -> Document:
        found = self.find(path)
        if found is None:
            raise ClusterRefusedError(f"GET {path}", 404, "NotFound", "not found")
        return found

    def exists(self, path: str) -> bool:
        return path in self.objects

    def metadata(self, path: str) -> Document | None:
        found = self.find(path)
        return found["metadata"] if found else None

    def list(self, path: str, **query: Any) -> list[Document]:
        self._check(path)
        node = str(query.get("field_selector", "")).partition("spec.nodeName=")[2]
        wanted = dict(part.split("=") for part in str(query.get("label_selector") or "").split(",") if part)
        return [
            copy.deepcopy(each)
            for key, each in self.objects.items()
            if _is_in(path, key)
            and (not node or each["spec"].get("nodeName") == node)
            and wanted.items() <= (each["metadata"].get("labels") or {}).items()
        ]

    def pages(self, path: str, **query: Any) -> Iterator[Any]:
        class Page:
            items = [msgspec.json.encode(each) for each in self.list(path, **query)]

        yield Page()

    def patch(self, path: str, body: Document, *, patch_type: str = "merge", dry_run: bool = False) -> Document:
        self.on_patch(path, dry_run)
        old = self.get(path)
        claimed = body.get("metadata", {}).get("resourceVersion")
        if claimed and claimed != old["metadata"]["resourceVersion"]:
            raise ClusterRefusedError(f"PATCH {path}", 409, "Conflict", "modified")
        new = _merged(old, body, strategic=patch_type == "strategic")
        if not dry_run:
            assert claimed, "a change without the version that it was decided for"
            new["metadata"]["resourceVersion"] = str(int(old["metadata"]["resourceVersion"]) + 1)
            self.objects[path] = new
            self.writes.append((path, body))
        return copy.deepcopy(new)

    def create(self, path: str, body: Document, *, dry_run: bool = False) -> Document:
        self._check(path)
        if path.endswith("/eviction"):
            assert body["deleteOptions"]["preconditions"]["uid"], "an eviction of whoever has the name by then"
            return self._evict(path.removesuffix("/eviction"), dry_run=dry_run)
        if path.endswith("selfsubjectaccessreviews"):
            return {**body, "status": {"allowed": "create pods" not in self.forbidden}}
        assert dry_run, f"nothing may be created: {path}"
        self.tried.append(body)
        return body

    def _evict(self, pod: str, *, dry_run: bool) -> Document:
        if pod not in self.objects:
            raise ClusterRefusedError(f"POST {pod}", 404, "NotFound", "gone")
        self.on_evict(pod.rpartition("/")[2], dry_run)
        if not dry_run:
            self.evicted.append(pod.rpartition("/")[2])
            self.objects[pod]["metadata"]["deletionTimestamp"] = stamp(0)
        return {}

    def _check(self, path: str) -> None:
        if path in self.forbidden:
            raise ClusterRefusedError(f"GET {path}", 403, "Forbidden", "no right")


def _is_in(collection: str, path: str) -> bool:
    """`/api/v1/pods` holds the pods of all namespaces."""
    folder, _, plural = collection.rpartition("/")
    parent = path.rpartition("/")[0]
    return parent == collection or (parent.startswith(f"{folder}/namespaces/") and parent.endswith(f"/{plural}"))


def _merged(old: Any, new: Any, *, strategic: bool) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        if new.get("$patch") == "replace":
            return {key: value for key, value in new.items() if key != "$patch"}
        out = {**old}
        for key, value in new.items():
            if value is None:
                out.pop(key, None)
            else:
                out[key] = _merged(old.get(key), value, strategic=strategic)
        return out
    named = isinstance(old, list) and isinstance(new, list) and all(isinstance(e, dict) and "name" in e for e in new)
    if strategic and named:
        by_name = {each["name"]: each for each in old}
        for each in new:
            by_name[each["name"]] = _merged(by_name.get(each["name"], {}), each, strategic=True)
        return list(by_name.values())
    return copy.deepcopy(new)


def stamp(seconds_ago: float) -> str:
    """A moment of the past, as the API writes it."""
    return (datetime.now(UTC) - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def cluster_of(api: FakeApi, folder: Path, proven_after: float = 60.0) -> Cluster:
    """The cluster of a performer's job."""
    revisions = AvailableRevisions(Database(folder / "agent.db"))
    return Cluster(cast(KubernetesApi, api), revisions, proven_after)


def a_node(name: str, ready: str = "True", **parts: Any) -> Document:
    """A node of four cores."""
    metadata = {"name": name, "labels": {"kubernetes.io/hostname": name, **parts.get("labels", {})}}
    metadata["annotations"] = parts.get("annotations", {})
    spec = {"taints": parts.get("taints", []), "unschedulable": parts.get("unschedulable", False)}
    allocatable = {"cpu": "4", "memory": "8Gi", "pods": "110", **parts.get("allocatable", {})}
    condition = {"type": "Ready", "status": ready, "lastTransitionTime": stamp(600)}
    return {"metadata": metadata, "spec": spec, "status": {"allocatable": allocatable, "conditions": [condition]}}


def a_lease(age: float, duration: int = 40) -> Document:
    """A node's lease, last renewed `age` seconds ago."""
    renewed = stamp(age).replace("Z", ".000000Z")
    return {"metadata": {}, "spec": {"renewTime": renewed, "leaseDurationSeconds": duration}}


def a_pod(name: str, node: str, owner: str = "web", **parts: Any) -> Document:
    """A pod of a ReplicaSet; of nobody where the owner is empty."""
    owners = [{"kind": parts.get("kind", "ReplicaSet"), "name": owner, "uid": f"uid-{owner}", "controller": True}]
    metadata = {"name": name, "namespace": parts.get("namespace", "shop"), "labels": {"app": owner or name}}
    metadata |= {"ownerReferences": owners if owner else [], "annotations": parts.get("annotations", {})}
    container = {"name": "app", "resources": {"requests": parts.get("requests", {"memory": "64Mi"})}}
    spec = {"nodeName": node, "containers": [container], **parts.get("spec", {})}
    condition = {"type": "Ready", "status": "True" if parts.get("ready", True) else "False"}
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Running", "conditions": [condition]}}


def a_workload(
    name: str = "web", *, memory: str = "64Mi", image: str = "registry.test/app:v1", **parts: Any
) -> Document:
    """A Deployment of two replicas, complete."""
    container = {
        "name": "app",
        "image": image,
        "resources": {"limits": {"memory": memory}},
        **parts.get("container", {}),
    }
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], **parts.get("pod", {})}}
    metadata = {"name": name, "namespace": "shop", "generation": 1, **parts.get("metadata", {})}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template, **parts.get("spec", {})}
    return {"kind": "Deployment", "metadata": metadata, "spec": spec, "status": parts.get("status", {})}
