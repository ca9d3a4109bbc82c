"""An incident decides what becomes of it, and refuses what is too late."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from aetherius.domain.errors import WrongStateError
from aetherius.domain.fault.subject import Subject
from aetherius.domain.incident import Incident, IncidentStatus, Opened, Reclassified, Suppressed
from aetherius.domain.wire.event import Severity

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SUBJECT = Subject(cluster_id="north", namespace="shop", kind="Deployment", name="web", symptom="crash_loop")


def an_incident() -> Incident:
    incident = Incident(Incident.id_of(SUBJECT, NOON))
    opened = Opened(
        cluster_id="north",
        namespace="shop",
        kind="Deployment",
        name="web",
        symptom="crash_loop",
        severity=Severity.HIGH,
        reason="CrashLoopBackOff",
        message="",
        onset=NOON,
        event_id=UUID(int=1),
        pod="web-1",
    )
    incident.open(opened, NOON)
    incident.collect()
    return incident


def decided(incident: Incident) -> list[object]:
    return [event for _, event, _ in incident.collect()]


def test_it_is_suppressed_for_a_reason_once() -> None:
    incident = an_incident()
    assert incident.suppress("maintenance until noon", NOON)
    assert not incident.suppress("maintenance until noon", NOON)
    assert not incident.suppress("", NOON)
    assert decided(incident) == [Suppressed(reason="maintenance until noon")]
    assert (incident.suppressed, incident.active) == ("maintenance until noon", True)


def test_it_is_suppressed_for_another_reason() -> None:
    incident = an_incident()
    assert incident.suppress("a silence", NOON)
    assert incident.suppress("a window", NOON)
    assert incident.suppressed == "a window"


def test_it_is_reclassified_once_and_keeps_its_subject() -> None:
    incident = an_incident()
    assert not incident.reclassify("crash_loop", "it is that already", NOON)
    assert incident.reclassify("config_error", "looked closer", NOON)
    assert decided(incident) == [Reclassified(symptom="config_error", reason="looked closer")]
    assert incident.symptom == "config_error"
    assert incident.subject == SUBJECT, "its key stays the one it was opened with"


def test_what_is_over_is_neither_suppressed_nor_reclassified() -> None:
    incident = an_incident()
    incident.resolve("recovered", "well", NOON)
    incident.collect()
    assert not incident.suppress("too late", NOON)
    assert not incident.reclassify("config_error", "too late", NOON)
    assert decided(incident) == []


def test_what_was_never_opened_is_neither_suppressed_nor_reclassified_and_has_no_subject() -> None:
    incident = Incident(UUID(int=7))
    assert not incident.suppress("why", NOON)
    assert not incident.reclassify("config_error", "why", NOON)
    assert incident.subject is None


def test_it_is_opened_once() -> None:
    incident = an_incident()
    assert incident.opened is not None
    with pytest.raises(WrongStateError):
        incident.open(incident.opened, NOON)


def test_only_what_is_over_is_reopened() -> None:
    incident = an_incident()
    with pytest.raises(WrongStateError):
        incident.reopen(UUID(int=2), "again", NOON)
    incident.resolve("repaired", "well", NOON)
    incident.reopen(UUID(int=2), "again", NOON)
    assert (incident.status, incident.reopened, incident.pods) == (IncidentStatus.OPEN, 1, {})
