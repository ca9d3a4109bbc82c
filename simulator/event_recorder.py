"""Kubernetes events: an equal one raises the count of the first, as client-go's correlator does."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from aetherius.simulator.documents import Document, name_of, namespace_of, stamp, suffix, uid_of
from aetherius.simulator.kinds import EVENT, NODE, POD, Kind
from aetherius.simulator.object_store import ObjectStore

_Sameness = tuple[str, str, str, str, str, str]


class EventRecorder:
    """Writes events about objects; keeps the youngest `limit`."""

    def __init__(self, store: ObjectStore, clock: Callable[[], datetime], limit: int) -> None:
        self._store = store
        self._clock = clock
        self._limit = limit
        self._known: OrderedDict[_Sameness, tuple[str, str]] = OrderedDict()

    def kubelet(self, pod: Document, kind: str, reason: str, message: str, container: str | None = None) -> None:
        """An event of the kubelet of the pod's node, about the pod or one of its containers."""
        path = f"spec.containers{{{container}}}" if container else None
        self.record(POD, pod, kind, reason, message, "kubelet", host=pod["spec"]["nodeName"], path=path)

    def record(
        self, kind: Kind, about: Document, severity: str, reason: str, message: str, source: str,
        host: str | None = None, path: str | None = None,
    ) -> None:  # fmt: skip
        """Write one event, or count it to the equal one before it."""
        uid = name_of(about) if kind is NODE else uid_of(about)  # a kubelet knows its node by name only
        same = (uid, path or "", severity, reason, message, source)
        known = self._known.get(same)
        old = self._store.find(EVENT, *known) if known else None
        if old is not None:
            self._known.move_to_end(same)
            with self._store.modify(EVENT, old) as draft:
                draft |= {"count": draft["count"] + 1, "lastTimestamp": stamp(self._clock())}
            return
        event = self._new(kind, about, severity, reason, message, source, host, path)
        event["involvedObject"]["uid"] = uid
        self._known[same] = (namespace_of(event), name_of(event))
        self._store.create(EVENT, event)
        self._trim()

    def _new(
        self, kind: Kind, about: Document, severity: str, reason: str, message: str, source: str,
        host: str | None, path: str | None,
    ) -> Document:  # fmt: skip
        now, name = stamp(self._clock()), name_of(about)
        namespace = namespace_of(about)
        involved = {"kind": kind.name, "apiVersion": kind.api_version, "name": name}
        involved |= {"namespace": namespace} if namespace else {}
        involved |= {"fieldPath": path} if path else {}
        involved["resourceVersion"] = about["metadata"].get("resourceVersion", "")
        origin = {"component": source} | ({"host": host} if host else {})
        metadata = {"name": f"{name}.{suffix(16)}", "namespace": namespace or "default"}
        times = {"firstTimestamp": now, "lastTimestamp": now, "eventTime": None, "count": 1}
        told = {"type": severity, "reason": reason, "message": message, "source": origin}
        reporter = {"reportingComponent": source, "reportingInstance": host or ""}
        return {"metadata": metadata, "involvedObject": involved} | told | times | reporter

    def _trim(self) -> None:
        while len(self._known) > self._limit:
            _, (namespace, name) = self._known.popitem(last=False)
            if self._store.find(EVENT, namespace, name) is not None:
                self._store.remove(EVENT, namespace, name)
