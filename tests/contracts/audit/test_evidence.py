"""Proofs and bundles from a real log: they hold without it, and are not handed out for what was tampered with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from psycopg import Connection

from aetherius.domain.event import Cause
from aetherius.domain.incident import Incident
from aetherius.event_store.audit import proof
from aetherius.event_store.audit.bundle_check import BundleReport, check
from aetherius.event_store.audit.bundle_file import IncidentStory, Line, PositionRange, Selection, TimeRange, lines_of
from aetherius.event_store.audit.evidence import export, prove
from aetherius.event_store.errors import LogDamagedError, StreamNotFoundError, UnknownPositionError
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.runtime.signing_key import SigningKey
from log_history import History

NOW = datetime.now(UTC)
LAST = 710


class Events(Protocol):
    cause: Cause

    def decided(self, stream_id: UUID, version: int = 1, number: int = 0) -> Pending: ...
    def reports(self, count: int) -> list[StoredEvent]: ...


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.load_or_create(tmp_path / "key.pem")


@pytest.fixture
def empty(log: Log, dsn: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def tables(empty: Connection[Any], log: Log, events: Events) -> Connection[Any]:
    """A log of 600 + 100 observed events in two batches, then ten decided ones in a batch each."""
    log.ingest(events.reports(600))
    log.ingest(events.reports(100))
    for number in range(10):
        log.append([events.decided(uuid4(), 1, number)])
    return empty


def exported(tables: Connection[Any], selection: Selection, key: SigningKey) -> tuple[BundleReport, list[int]]:
    """The check of a bundle of this selection, and the positions in it."""
    file = BytesIO()
    manifest = export(tables, file, selection, key, NOW)
    lines: list[Line] = []
    for part in manifest.parts:
        lines += lines_of(file.getvalue()[part.offset : part.offset + part.stored], part.size)
    file.seek(0)
    return check(file, key.public.key_id), [line.event.position for line in lines if line.event]


@pytest.mark.parametrize("position", [1, 2, 600, 601, 700, 701, LAST])
def test_the_proof_of_an_event_holds_without_the_log(tables: Connection[Any], position: int) -> None:
    file = prove(tables, position).encode()
    tables.execute("TRUNCATE aetherius.observed, aetherius.decided, aetherius.ledger")
    checked = proof.check(file)
    assert checked.fault == ""
    assert checked.proof is not None
    assert checked.proof.event.position == position


@pytest.mark.parametrize("position", [0, LAST + 1, 2**62])
def test_a_position_that_the_log_does_not_have_has_no_proof(tables: Connection[Any], position: int) -> None:
    with pytest.raises(UnknownPositionError):
        prove(tables, position)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE aetherius.observed SET state = '{}' WHERE notification_id = 42",
        "DELETE FROM aetherius.observed WHERE notification_id = 42",
        "UPDATE aetherius.ledger SET leaves = set_byte(leaves, 40 * 32, get_byte(leaves, 40 * 32) # 1) WHERE last = 600",
        "INSERT INTO aetherius.decided SELECT 42, gen_random_uuid(), 1, topic, state FROM aetherius.decided LIMIT 1",
    ],
)
def test_no_evidence_is_made_of_what_was_tampered_with(
    tables: Connection[Any], key: SigningKey, tampering: str
) -> None:
    tables.execute(tampering)
    with pytest.raises(LogDamagedError, match=r"position 4\d "):
        prove(tables, 42)
    with pytest.raises(LogDamagedError, match=r"position 4\d "):
        export(tables, BytesIO(), PositionRange(40, 50), key, NOW)


@pytest.mark.parametrize(("first", "last"), [(1, LAST), (1, 1), (LAST, LAST), (42, 650), (599, 602), (700, 703)])
def test_a_bundle_of_positions_holds_all_of_them(
    tables: Connection[Any], key: SigningKey, first: int, last: int
) -> None:
    report, positions = exported(tables, PositionRange(first, last), key)
    assert report.findings == []
    assert positions == list(range(first, last + 1))
    assert report.manifest is not None
    assert report.manifest.head.position == LAST


@pytest.mark.parametrize(("first", "last"), [(1, LAST + 1), (5, 4)])
def test_positions_that_the_log_does_not_have_make_no_bundle(
    tables: Connection[Any], key: SigningKey, first: int, last: int
) -> None:
    with pytest.raises(UnknownPositionError):
        export(tables, BytesIO(), PositionRange(first, last), key, NOW)


def test_an_empty_log_makes_no_bundle(empty: Connection[Any], key: SigningKey) -> None:
    with pytest.raises(UnknownPositionError):
        export(empty, BytesIO(), TimeRange(NOW, NOW + timedelta(days=1)), key, NOW)


def test_bundles_of_adjacent_times_share_nothing_and_miss_nothing(
    tables: Connection[Any], log: Log, key: SigningKey
) -> None:
    times = [NOW - timedelta(days=1), log.recorded_at(601), log.recorded_at(705), NOW + timedelta(days=1)]
    found: list[int] = []
    for since, until in pairwise(times):
        report, positions = exported(tables, TimeRange(since, until), key)
        assert report.findings == []
        found += positions
    assert found == list(range(1, LAST + 1))


def test_a_bundle_of_a_quiet_time_proves_that_it_was_quiet(tables: Connection[Any], key: SigningKey) -> None:
    report, positions = exported(tables, TimeRange(NOW + timedelta(days=1), NOW + timedelta(days=2)), key)
    assert (report.findings, positions) == ([], [])


def test_a_bundle_of_an_incident_holds_its_stream_its_story_and_its_observations(
    empty: Connection[Any], log: Log, key: SigningKey
) -> None:
    history = History(log)
    history.report()
    other, wanted = history.open_incident(name="other"), history.open_incident()
    for incident in (other, wanted):
        loaded = log.load(Incident, incident)
        loaded.acknowledge("user:ada", NOW)
        log.save(loaded, Cause(actor="user:ada"))
    sign = history.report()
    loaded = log.load(Incident, wanted)
    loaded.correlate([sign], ["BackOff"], ["web-1"], NOW)
    log.save(loaded, Cause(actor="system:correlation"))
    report, positions = exported(empty, IncidentStory(wanted), key)
    assert report.findings == []
    story = [recorded for recorded in log.read(0, 1000) if recorded.position in positions]
    opened = log.stream(wanted)[0]
    assert {r.position for r in log.stream(wanted)} < set(positions)
    assert {log.stream(id)[0].position for id in (opened.event.event_id, sign)} < set(positions)  # type: ignore[attr-defined]
    strangers = [r for r in story if r.stream_id != wanted and r.cause.correlation_id != opened.cause.correlation_id]
    assert [r.stream_id for r in strangers] == [opened.event.event_id, sign] or not strangers  # type: ignore[attr-defined]


def test_a_bundle_of_an_incident_holds_what_carries_its_correlation_id(
    empty: Connection[Any], log: Log, events: Events, key: SigningKey
) -> None:
    history = History(log)
    incident = history.open_incident()
    story = log.stream(incident)[0].cause.correlation_id
    mine, theirs = events.decided(uuid4()), events.decided(uuid4())
    last = log.append([Pending(mine.stream_id, 1, mine.event, NOW, Cause(actor="system:x", correlation_id=story))])
    log.append([Pending(theirs.stream_id, 1, theirs.event, NOW, Cause(actor="system:x", correlation_id=uuid4()))])
    _, positions = exported(empty, IncidentStory(incident), key)
    assert positions[-1] == last


def test_an_incident_that_does_not_exist_makes_no_bundle(tables: Connection[Any], key: SigningKey) -> None:
    with pytest.raises(StreamNotFoundError):
        export(tables, BytesIO(), IncidentStory(uuid4()), key, NOW)
