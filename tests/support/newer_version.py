"""Events as a newer version would store them: of a topic that is not known here, of a known topic in another form, and without any form at all."""

from __future__ import annotations

from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent

from aetherius.event_store.log import Log

TELEPORTED = "Incident.Teleported.v9"
ENVELOPE = b'{"at":"2026-11-23T12:00:00Z","by":"system:newer","corr":"00000000-0000-0000-0000-000000000007","data":%s}'
NEWER_GAP = b'{"cluster_id":"oslo","epoch":"the first","first":1,"last":1}'


def append_of_unknown_topic(log: Log, stream: UUID | None = None, version: int = 1) -> UUID:
    """Append an event that only a newer version knows; its stream."""
    return _append(log, TELEPORTED, b'{"cluster_id":"oslo","to":"orbit"}', stream, version)


def append_in_another_form(log: Log, stream: UUID | None = None, version: int = 1) -> UUID:
    """Append an `Agent.GapDetected` whose epoch became a text; its stream."""
    return _append(log, "Agent.GapDetected.v1", NEWER_GAP, stream, version)


def append_nonsense(log: Log) -> UUID:
    """Append an event of a known topic that has not even an envelope; its stream."""
    id = uuid4()
    log.ingest([StoredEvent(id, 1, "Agent.GapDetected.v1", b"\xff nonsense")])
    return id


def _append(log: Log, topic: str, data: bytes, stream: UUID | None, version: int) -> UUID:
    id = stream or uuid4()
    log.ingest([StoredEvent(id, version, topic, ENVELOPE % data)])
    return id
