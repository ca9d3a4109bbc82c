"""The events read model: what clusters reported, one version a row, as many rows as reports."""

from __future__ import annotations

from datetime import datetime

from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Recorded
from aetherius.domain.wire.event import RawData, Severity
from aetherius.projections.read_model import Column, Filter, ReadModel, Row, topics_of_streams


class EventRow(Row, frozen=True, kw_only=True, omit_defaults=True):
    """One report of an agent; `kind` and `name` are of the object it is about, `owner_*` of the workload on top of it."""

    cluster_id: str
    occurred_at: datetime
    type: str
    source: str
    severity: Severity
    reason: str
    message: str
    namespace: str
    kind: str
    name: str
    node: str = ""
    owner_kind: str = ""
    owner_name: str = ""
    raw_data: RawData
    agent_id: str
    epoch: int
    sequence: int
    uid: str = ""
    resource_version: str = ""


class EventFilter(Filter, frozen=True, kw_only=True):
    """Which reports."""

    cluster_id: str | None = None
    namespace: str | None = None
    severity: list[Severity] | None = None
    reason: list[str] | None = None
    kind: str | None = None
    name: str | None = None
    node: str | None = None
    occurred_at_since: datetime | None = None
    occurred_at_until: datetime | None = None


class Events(ReadModel[EventRow]):
    """All reports."""

    name = "events"
    row = EventRow
    topics = topics_of_streams("ClusterEvent")
    immutable = True
    subject = ("cluster_id", "namespace", "kind", "name", "reason")
    columns = {
        "cluster_id": Column(indexed=True),
        "namespace": Column(),
        "severity": Column(),
        "reason": Column(),
        "kind": Column(),
        "name": Column(),
        "node": Column(),
        "occurred_at": Column("timestamptz"),
    }

    def evolve(self, row: EventRow | None, recorded: Recorded) -> EventRow | None:
        """The report itself; nothing changes it later."""
        event = recorded.event
        if row is not None or not isinstance(event, Reported):
            return row
        labels = event.labels
        return EventRow(
            id=recorded.stream_id,
            cluster_id=event.cluster_id,
            occurred_at=recorded.occurred_at,
            type=event.type,
            source=event.source,
            severity=event.severity,
            reason=event.reason,
            message=event.message,
            namespace=event.namespace,
            kind=labels.kind,
            name=labels.name,
            node=labels.node,
            owner_kind=labels.owner_kind,
            owner_name=labels.owner_name,
            raw_data=event.raw_data,
            agent_id=event.agent_id,
            epoch=event.epoch,
            sequence=event.sequence,
            uid=event.uid,
            resource_version=event.resource_version,
        )
