"""What the server tells of an object without its contents: whether it exists, which keys it has, and who wrote it when. Only metadata is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from aetherius.domain.diagnosis.config_complaint import CONFIG_MAP, PROVIDER_CLASS, SECRET
from aetherius.domain.repair.pod_config import State
from aetherius.edge_agent.errors import ClusterRefusedError
from aetherius.edge_agent.repair.cluster import Cluster, Document

_PATHS: Final = {
    CONFIG_MAP: "/api/v1/namespaces/{}/configmaps/{}",
    SECRET: "/api/v1/namespaces/{}/secrets/{}",
    PROVIDER_CLASS: "/apis/secrets-store.csi.x-k8s.io/v1/namespaces/{}/secretproviderclasses/{}",
}
_HOLDERS: Final = ("f:data", "f:binaryData")
MAX_NAMESPACES: Final = 50
"""Of other namespaces that are looked into; each costs a request."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of one object. `keys` is None where the server keeps no record of them."""

    state: State
    keys: list[str] | None = None
    immutable: bool = False
    created: datetime | None = None
    changed: datetime | None = None
    changed_by: str = ""


def record_of(kind: str, namespace: str, name: str, cluster: Cluster) -> Record:
    """Look at an object's metadata; whatever refuses that leaves it unseen."""
    try:
        metadata = cluster.api.metadata(_PATHS[kind].format(namespace, name))
    except ClusterRefusedError:
        return Record(state="unseen")
    return Record(state="missing") if metadata is None else _read(metadata)


def namespaces_with(kind: str, name: str, without: str, cluster: Cluster) -> list[str]:
    """Other namespaces that have such an object, as far as they can be seen."""
    try:
        found = [each["metadata"]["name"] for each in cluster.api.list("/api/v1/namespaces")]
    except ClusterRefusedError:
        return []
    others = sorted(each for each in found if each != without)[:MAX_NAMESPACES]
    return [each for each in others if record_of(kind, each, name, cluster).state == "exists"]


def _read(metadata: Document) -> Record:
    writes = [each for each in metadata.get("managedFields") or () if each.get("fieldsV1")]
    last: Document = max(writes, key=lambda each: str(each.get("time", "")), default={})
    return Record(
        state="exists",
        keys=sorted(set(_keys(writes))) if writes else None,
        immutable=any("f:immutable" in each["fieldsV1"] for each in writes),
        created=moment(metadata.get("creationTimestamp")),
        changed=moment(last.get("time")),
        changed_by=str(last.get("manager", "")),
    )


def _keys(writes: list[Document]) -> Iterator[str]:
    for write in writes:
        for holder in _HOLDERS:
            held = write["fieldsV1"].get(holder) or {}
            yield from (key.removeprefix("f:") for key in held if key.startswith("f:"))


def moment(given: Any) -> datetime | None:
    """A time of the API; None for none that can be read."""
    try:
        return datetime.fromisoformat(str(given)) if given else None
    except ValueError:
        return None
