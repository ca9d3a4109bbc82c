"""The incidents read model: what broke, what is known of it, and how far its repair is."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from aetherius.domain.event import Event, Recorded, topics_of
from aetherius.domain.incident import (
    Acknowledged,
    Diagnosed,
    Doubted,
    Escalated,
    EventsCorrelated,
    IncidentStatus,
    Linked,
    Mitigated,
    Opened,
    Reclassified,
    Reopened,
    Resolved,
    Suppressed,
)
from aetherius.domain.strategy import Selected
from aetherius.domain.wire.analysis import Evidence
from aetherius.domain.wire.event import Severity
from aetherius.projections.read_model import Column, Filter, ReadModel, Row, topics_of_streams

RECENT_EVENTS = 20
"""Correlated reports that a row names; all are in the incident's history."""


class IncidentRow(Row, frozen=True, kw_only=True, omit_defaults=True):
    """One incident. Times are of what happened; `confidence` is 0 to 1; `version` is the stream's, for its history."""

    cluster_id: str
    namespace: str
    kind: str
    name: str
    symptom: str
    severity: Severity
    status: IncidentStatus
    reason: str
    message: str
    pod: str = ""
    container: str = ""
    node: str = ""
    event_count: int = 1
    reasons: list[str] = []
    pods: list[str] = []
    """That showed the symptom since it was opened (again), in order of last sight."""
    event_ids: list[UUID] = []
    """The first report, then the last few."""
    strategy: str = ""
    workflow_id: UUID | None = None
    root_cause: str | None = None
    confidence: float | None = None
    diagnosis: str = ""
    evidence: list[Evidence] = []
    analysis_id: UUID | None = None
    remediation_id: UUID | None = None
    """The repair that was verified."""
    resolution: str = ""
    summary: str = ""
    acknowledged_by: str = ""
    suppressed: str = ""
    part_of: UUID | None = None
    """The incident of what it has in common with others."""
    reopened: int = 0
    onset: datetime
    opened_at: datetime
    acknowledged_at: datetime | None = None
    diagnosed_at: datetime | None = None
    mitigated_at: datetime | None = None
    resolved_at: datetime | None = None
    updated_at: datetime
    version: int


class IncidentFilter(Filter, frozen=True, kw_only=True):
    """Which incidents."""

    cluster_id: str | None = None
    namespace: str | None = None
    kind: str | None = None
    name: str | None = None
    status: list[IncidentStatus] | None = None
    severity: list[Severity] | None = None
    symptom: list[str] | None = None
    root_cause: list[str] | None = None
    part_of: UUID | None = None
    opened_at_since: datetime | None = None
    opened_at_until: datetime | None = None


class Incidents(ReadModel[IncidentRow]):
    """Current and past incidents, one version per change."""

    name = "incidents"
    row = IncidentRow
    topics = (*topics_of_streams("Incident"), *topics_of([Selected]))
    columns = {
        "cluster_id": Column(indexed=True),
        "namespace": Column(),
        "kind": Column(),
        "name": Column(),
        "status": Column(),
        "severity": Column(),
        "symptom": Column(),
        "root_cause": Column(),
        "part_of": Column("uuid", indexed=True),
        "opened_at": Column("timestamptz"),
    }

    def key(self, recorded: Recorded) -> UUID:
        """Its stream, or the incident that a strategy was selected for."""
        return recorded.event.incident_id if isinstance(recorded.event, Selected) else recorded.stream_id

    def evolve(self, row: IncidentRow | None, recorded: Recorded) -> IncidentRow | None:
        """The incident after an event."""
        event = recorded.event
        if isinstance(event, Opened):
            return _opened(event, recorded)
        if row is None:
            return None
        if isinstance(event, Selected):
            return replace(row, strategy=event.strategy, workflow_id=event.workflow_id, updated_at=recorded.occurred_at)
        changes = _changes(row, event, recorded.occurred_at)
        return replace(row, updated_at=recorded.occurred_at, version=recorded.version, **changes)


def _opened(event: Opened, recorded: Recorded) -> IncidentRow:
    return IncidentRow(
        id=recorded.stream_id,
        cluster_id=event.cluster_id,
        namespace=event.namespace,
        kind=event.kind,
        name=event.name,
        symptom=event.symptom,
        severity=event.severity,
        status=IncidentStatus.OPEN,
        reason=event.reason,
        message=event.message,
        pod=event.pod,
        container=event.container,
        node=event.node,
        reasons=[event.reason],
        pods=[event.pod] if event.pod else [],
        event_ids=[event.event_id],
        onset=event.onset,
        opened_at=recorded.occurred_at,
        updated_at=recorded.occurred_at,
        version=recorded.version,
    )


def _changes(row: IncidentRow, event: Event, at: datetime) -> dict[str, Any]:
    match event:
        case EventsCorrelated():
            return _correlated(row, event)
        case Reclassified():
            return {"symptom": event.symptom}
        case Escalated():
            return {"severity": event.severity}
        case Suppressed():
            return {"suppressed": event.reason}
        case Doubted():
            return {"status": IncidentStatus.OPEN}
        case Linked():
            return {"part_of": event.parent_id}
        case Acknowledged():
            return {"acknowledged_by": event.by, "acknowledged_at": at}
        case Diagnosed():
            return _diagnosed(event, at)
        case Mitigated():
            return {
                "status": IncidentStatus.MITIGATED,
                "mitigated_at": at,
                "remediation_id": event.remediation_id,
                "summary": event.summary,
            }
        case Resolved():
            return {
                "status": IncidentStatus.RESOLVED,
                "resolved_at": at,
                "resolution": event.how,
                "summary": event.summary,
            }
        case Reopened():
            return _reopened(row, event)
        case _:
            return {}


def _correlated(row: IncidentRow, event: EventsCorrelated) -> dict[str, Any]:
    first, *recent = [*row.event_ids, *event.ids]
    return {
        "event_count": row.event_count + event.count,
        "reasons": sorted({*row.reasons, *event.reasons}),
        "pods": [*(pod for pod in row.pods if pod not in event.pods), *event.pods],
        "event_ids": [first, *recent[-RECENT_EVENTS:]],
    }


def _diagnosed(event: Diagnosed, at: datetime) -> dict[str, Any]:
    return {
        "status": IncidentStatus.DIAGNOSED,
        "diagnosed_at": at,
        "root_cause": event.root_cause,
        "confidence": event.confidence,
        "diagnosis": event.summary,
        "evidence": event.evidence,
        "analysis_id": event.analysis_id,
    }


def _reopened(row: IncidentRow, event: Reopened) -> dict[str, Any]:
    first, *recent = [*row.event_ids, event.event_id]
    return {
        "status": IncidentStatus.OPEN,
        "reopened": row.reopened + 1,
        "pods": [],
        "part_of": None,
        "event_ids": [first, *recent[-RECENT_EVENTS:]],
        "mitigated_at": None,
        "resolved_at": None,
        "resolution": "",
        "summary": event.reason,
    }
