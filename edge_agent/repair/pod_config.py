"""Reads what a pod's configuration refers to: the objects' metadata, what should make those that are missing, and what the kubelet says of them now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal

import msgspec

from aetherius.domain.diagnosis.config_complaint import CONFIG_MAP, PROVIDER_CLASS, Complaint, complaints
from aetherius.domain.repair.pod_config import ENTRY as ACTION
from aetherius.domain.repair.pod_config import (
    ConfigReference,
    ConfigSource,
    PodConfig,
    PodConfigAnswer,
)
from aetherius.edge_agent.errors import ClusterRefusedError, RepairRefusedError
from aetherius.edge_agent.kubernetes_objects import ClusterEvent, Pod, read_object
from aetherius.edge_agent.redaction import mask_start
from aetherius.edge_agent.repair.cluster import Cluster, Document, controller_uid, is_true
from aetherius.edge_agent.repair.configuration.needs import Need, needs
from aetherius.edge_agent.repair.configuration.records import namespaces_with, record_of
from aetherius.edge_agent.repair.configuration.sources import source_of
from aetherius.edge_agent.repair.performer import Job, Performer
from aetherius.edge_agent.telling.observation import MAX_MESSAGE, shortened
from aetherius.edge_agent.watching.events import observed_at

_HARMLESS: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
_TEMPLATE_LABELS: Final = ("pod-template-hash", "controller-revision-hash")
_WAITS: Final[tuple[tuple[float, Literal["short", "middle", "long"]], ...]] = (
    (120, "short"),
    (300, "middle"),
    (600, "long"),
)


class PodConfigPerformer(Performer[PodConfig]):
    """Refused: the pod is gone. What may not be seen is told as unseen."""

    action = ACTION

    def read(self, job: Job[PodConfig]) -> PodConfigAnswer:
        """Its references as they are now."""
        found = job.cluster.api.find(f"/api/v1/namespaces/{job.namespace}/pods/{job.parameters.pod}")
        if found is None:
            raise RepairRefusedError(f"there is no pod {job.namespace}/{job.parameters.pod}")
        return _Reading(found, job.namespace, job.cluster).answer()


ENTRY = PodConfigPerformer()


class _Reading:
    """One look at one pod."""

    def __init__(self, pod: Document, namespace: str, cluster: Cluster) -> None:
        self._document, self._namespace, self._cluster = pod, namespace, cluster
        self._pod = read_object(msgspec.json.encode(pod), Pod)
        self._now = cluster.clock()
        self._made = self._pod.metadata.creation_timestamp or self._now
        self._waiting = [] if is_true(pod, "Ready") else [*self._containers(), *self._mounts()]
        self._complaints = [each for text in self._waiting for each in complaints(text)]

    def answer(self) -> PodConfigAnswer:
        references = [self._reference(kind, name, found) for (kind, name), found in self._needs().items()]
        sibling, started = self._sibling()
        return PodConfigAnswer(
            pod=self._pod.metadata.name,
            namespace=self._namespace,
            looked_at=self._now,
            waiting=self._waiting,
            references=references,
            sibling=sibling,
            sibling_started=started,
            settling=_settling(
                [each.source for each in references if each.source and self._is_awaited(each)], self._now
            ),
        )

    def _containers(self) -> Iterator[str]:
        for status in (*self._pod.status.init_container_statuses, *self._pod.status.container_statuses):
            waits = status.state.waiting
            if waits and waits.reason not in _HARMLESS:
                yield _masked(waits.message or waits.reason)

    def _mounts(self) -> list[str]:
        """The latest word on mounts that fail; none once a container runs."""
        if any(each.state.waiting is None for each in self._pod.status.container_statuses):
            return []
        selector = f"involvedObject.name={self._pod.metadata.name},reason=FailedMount"
        try:
            found = self._cluster.api.list(f"/api/v1/namespaces/{self._namespace}/events", field_selector=selector)
        except ClusterRefusedError:
            return []
        events = [read_object(msgspec.json.encode(each), ClusterEvent) for each in found]
        named = [each for each in events if complaints(each.message or "")]
        return [_masked(each.message or "") for each in sorted(named, key=observed_at)[-1:]]

    def _needs(self) -> dict[tuple[str, str], list[Need]]:
        """By object; also what only the kubelet names."""
        found: dict[tuple[str, str], list[Need]] = {}
        for need in needs(self._document["spec"]):
            found.setdefault((need.kind, need.name), []).append(need)
        for each in self._complaints:
            if each.kind and each.name and each.namespace in ("", self._namespace):
                found.setdefault((each.kind, each.name), [])
        return dict(sorted(found.items()))

    def _reference(self, kind: str, name: str, needed: list[Need]) -> ConfigReference:
        record = record_of(kind, self._namespace, name, self._cluster)
        wanted = record.state == "missing" or any(_is_about(each, kind, name, needed) for each in self._complaints)
        elsewhere = kind == CONFIG_MAP and record.state == "missing"
        return ConfigReference(
            kind=kind,
            name=name,
            where=[each.where for each in needed],
            keys=sorted({key for each in needed for key in each.keys}),
            state=record.state,
            known_keys=record.keys if kind == CONFIG_MAP else None,
            immutable=record.immutable,
            created=record.created,
            changed=record.changed,
            changed_by=record.changed_by,
            elsewhere=namespaces_with(kind, name, self._namespace, self._cluster) if elsewhere else [],
            source=self._source(kind, name) if wanted else None,
        )

    def _is_awaited(self, reference: ConfigReference) -> bool:
        """Not one that was made already, and lacks a key: its source is content with it."""
        source = reference.source
        lacks_key = any(each.what == "key" and each.name == reference.name for each in self._complaints)
        return source is not None and not (lacks_key and source.ready)

    def _source(self, kind: str, name: str) -> ConfigSource | None:
        found = source_of(kind, self._namespace, name, self._made, self._cluster)
        if found is None or found.kind != PROVIDER_CLASS:
            return found
        mounted = any(need.kind == PROVIDER_CLASS and need.name == found.name for need in needs(self._document["spec"]))
        return msgspec.structs.replace(found, mounted=mounted)

    def _sibling(self) -> tuple[str, datetime | None]:
        """The pod of the same template that started last, and when."""
        owner = controller_uid(self._document)
        if not owner:
            return "", None
        found = self._cluster.api.list(f"/api/v1/namespaces/{self._namespace}/pods")
        same = [each for each in found if controller_uid(each) == owner and self._has_same_template(each)]
        started = [(at, each["metadata"]["name"]) for each in same if is_true(each, "Ready") and (at := _started(each))]
        at, name = max(started, default=(None, ""))
        return name, at

    def _has_same_template(self, other: Document) -> bool:
        mine, its = self._pod.metadata.labels, other["metadata"].get("labels") or {}
        return all(mine.get(key) == its.get(key) for key in _TEMPLATE_LABELS)


def _started(pod: Document) -> datetime | None:
    running = [(each.get("state") or {}).get("running") or {} for each in pod["status"].get("containerStatuses") or ()]
    times = [datetime.fromisoformat(str(each["startedAt"])) for each in running if each.get("startedAt")]
    return max(times, default=None)


def _is_about(complaint: Complaint, kind: str, name: str, needed: list[Need]) -> bool:
    if complaint.name:
        return (complaint.kind, complaint.name) == (kind, name)
    return bool(complaint.volume) and any(each.where == f"volume {complaint.volume}" for each in needed)


def _settling(sources: list[ConfigSource], now: datetime) -> Literal["", "short", "middle", "long"]:
    left = max((each.settle_seconds - each.awaited_for(now).total_seconds() for each in sources), default=0.0)
    if left <= 0:
        return ""
    return next((name for seconds, name in _WAITS if left <= seconds), "long")


def _masked(text: str) -> str:
    return shortened(mask_start(text, MAX_MESSAGE))
