"""The audit over tables and archive as one log: what was done to any object is found, located by object and position, and never ends the audit."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from obstore.store import from_url
from psycopg import Connection

from aetherius.domain.agent import GapDetected
from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Cause
from aetherius.domain.wire.event import Labels, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.event_store import ledger
from aetherius.event_store.archive import parquet
from aetherius.event_store.archive.archiver import Archiver
from aetherius.event_store.archive.catalogue import ArchivedPartition, archived
from aetherius.event_store.archive.errors import ArchiveUnavailableError
from aetherius.event_store.archive.parquet import EventsObject, write_events
from aetherius.event_store.archive.reading import ARCHIVED
from aetherius.event_store.archive.restoring import release, restore
from aetherius.event_store.audit import bundle_check, evidence
from aetherius.event_store.audit import ledger_audit as audit
from aetherius.event_store.audit.anchor import Anchor
from aetherius.event_store.audit.bundle_file import IncidentStory, PositionRange
from aetherius.event_store.audit.ledger_audit import Finding, Wrong
from aetherius.event_store.audit.trail import Trail, TrailPage, Wanted
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.event_store.upkeep import partitions
from ledger_samples import KEY
from log_history import History

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CAUSE = Cause(actor="user:ann")
OLD, OLDER = NOON - timedelta(days=60), NOON - timedelta(days=70)
LAST = 28
LONG = bool(os.environ.get("AETHERIUS_LONG_TESTS"))
"""Many bytes, not some: each is read by a process of its own."""


def report(at: datetime, number: int, actor: str = "user:ann") -> Pending:
    event = Reported(
        cluster_id="c1",
        source="kubelet",
        severity=Severity.HIGH,
        reason="BackOff",
        message=f"the {number}th",
        labels=Labels(kind="Pod", name="web-1"),
        agent_id="a1",
        epoch=1,
        sequence=number,
    )
    return Pending(UUID(observation_id("c1", at, number)), 1, event, at, Cause(actor=actor))


def decision() -> Pending:
    return Pending(uuid4(), 1, GapDetected(cluster_id="c1", epoch=1, first=1, last=1), NOON, CAUSE)


def archive(dsn: str, folder: Path, before: datetime = NOON - timedelta(days=30)) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection, Archiver(dsn, folder.as_uri()) as archiver:
        for each in partitions.partitions(connection):
            if each.ends and each.ends < before:
                archiver.archive(each)
    ARCHIVED.forget()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def tables(log: Log, dsn: str, folder: Path) -> Iterator[Connection[Any]]:
    """A log of 28 events: of two archived partitions (1 to 10 and 16 to 17; 11 to 15 and 18), with decisions and younger reports between and behind."""
    log.ingest([report(OLD, number).stored() for number in range(1, 11)])
    log.ingest([report(OLDER, number).stored() for number in range(11, 16)])
    log.append([report(OLD, 16), report(OLD, 17), report(OLDER, 18)])
    for number in range(5):
        log.append([decision(), report(NOON, 20 + number)])
    archive(dsn, folder)
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def found(tables: Connection[Any], *anchors: Anchor) -> list[Finding]:
    return audit.verify(tables, anchors=anchors).findings


def named(findings: list[Finding]) -> list[tuple[Wrong, int]]:
    return [(finding.wrong, finding.position) for finding in findings]


def partition(tables: Connection[Any], position: int) -> ArchivedPartition:
    return next(each for each in archived(tables) if position in (each.first_position, each.last_position))


def rewrite(
    tables: Connection[Any], folder: Path, change: Callable[[list[parquet.Row]], list[parquet.Row]], position: int = 1
) -> ArchivedPartition:
    """What somebody can do who rules both the archive and the database: other events in an object, and a catalogue that agrees."""
    there = partition(tables, position)
    path = folder / there.events_object
    rows = change(list(EventsObject(path, there.url, there.events_object).rows()))
    path.unlink()
    write_events(path, there.name, rows)
    whole, footer = path.read_bytes(), parquet.footer_of(path)
    tables.execute(
        "UPDATE aetherius.archived SET rows = %s, events_size = %s, events_sha256 = %s, footer_size = %s, footer_sha256 = %s "
        "WHERE name = %s",
        (len(rows), len(whole), sha256(whole).digest(), len(footer), sha256(footer).digest(), there.name),
    )
    return there


def test_tables_and_archive_are_audited_as_one_log(tables: Connection[Any]) -> None:
    assert tables.execute("SELECT count(*) FROM aetherius.observed").fetchone() == (5,)
    report = audit.verify(tables)
    assert (report.findings, report.events, report.head.position) == ([], LAST, LAST)


def test_restored_and_released_partitions_are_audited_too(tables: Connection[Any], dsn: str) -> None:
    name = partition(tables, 1).name
    restore(dsn, name)
    assert (found(tables), audit.verify(tables).events) == ([], LAST)
    release(dsn, name)
    assert (found(tables), audit.verify(tables).events) == ([], LAST)


@pytest.mark.timeout(1800 if LONG else 300)
def test_any_changed_byte_of_an_archived_object_is_found(tables: Connection[Any], folder: Path) -> None:
    there = partition(tables, 1)
    for name in (there.events_object, there.ledger_object):
        path = folder / name
        whole = path.read_bytes()
        step = max(1, len(whole) // (500 if LONG else 20))
        for at in [*range(0, len(whole), step), *range(len(whole) - 8, len(whole))]:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
            findings = found(tables)
            assert any(name in finding.detail for finding in findings), at
            assert {finding.wrong for finding in findings} <= {
                Wrong.ARCHIVE_CHANGED,
                Wrong.NOT_READABLE,
                Wrong.CHANGED,
                Wrong.INSERTED,
                Wrong.REMOVED,
            }
        path.write_bytes(whole)
    assert found(tables) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda row: (row[0], row[1], row[2], row[3], row[4].replace(b"3th", b"4th")),
        lambda row: (row[0], row[1], row[2] + 1, row[3], row[4]),
        lambda row: (row[0], row[1], -1, row[3], row[4]),
        lambda row: (row[0], uuid4(), row[2], row[3], row[4]),
        lambda row: (row[0], row[1], row[2], row[3] + "x", row[4]),
    ],
)
def test_an_event_that_was_changed_in_an_object_is_named_with_it(
    tables: Connection[Any], folder: Path, change: Callable[[parquet.Row], parquet.Row]
) -> None:
    there = rewrite(tables, folder, lambda rows: [change(row) if row[0] == 3 else row for row in rows])
    [finding] = found(tables)
    assert (finding.wrong, finding.position) == (Wrong.CHANGED, 3)
    assert f"{there.url}/{there.events_object}" in finding.detail


def test_an_event_that_was_removed_from_an_object_is_named(tables: Connection[Any], folder: Path) -> None:
    rewrite(tables, folder, lambda rows: [row for row in rows if row[0] not in (1, 7)])
    assert named(found(tables)) == [(Wrong.REMOVED, 1), (Wrong.REMOVED, 7)]


@pytest.mark.parametrize("position", [-4, 3, 12, 19, LAST + 1, LAST + 50])
def test_an_event_that_was_added_to_an_object_is_named(tables: Connection[Any], folder: Path, position: int) -> None:
    def add(rows: list[parquet.Row]) -> list[parquet.Row]:
        return sorted([*rows, (position, uuid4(), 1, rows[0][3], rows[0][4])])

    there = rewrite(tables, folder, add)
    findings = found(tables)
    assert [finding.position for finding in findings] == [position]
    assert there.events_object in findings[0].detail


def test_an_object_without_the_catalogues_hash_is_named_though_its_events_are_true(
    tables: Connection[Any], folder: Path
) -> None:
    there = partition(tables, 1)
    tables.execute("UPDATE aetherius.archived SET events_sha256 = ledger_sha256 WHERE name = %s", (there.name,))
    [finding] = found(tables)
    assert (finding.wrong, finding.position) == (Wrong.ARCHIVE_CHANGED, 1)
    assert there.events_object in finding.detail


def test_proofs_that_are_not_the_ledgers_are_named(tables: Connection[Any], folder: Path) -> None:
    here, there = partition(tables, 1), partition(tables, 11)
    shutil.copy(folder / there.ledger_object, folder / "other")
    forged = bytearray(bytes(32))
    entries = list(parquet.read_entries(folder / there.ledger_object))
    changed = ledger.seal(
        bytes(forged), entries[0].first, entries[0].recorded_at, [bytes(32)] * entries[0].n, bytes(32)
    )
    (folder / here.ledger_object).unlink()
    parquet.write_entries(folder / here.ledger_object, here.name, [changed])
    digest = sha256((folder / here.ledger_object).read_bytes()).digest()
    tables.execute("UPDATE aetherius.archived SET ledger_sha256 = %s WHERE name = %s", (digest, here.name))
    assert named(found(tables)) == [(Wrong.ARCHIVE_CHANGED, entries[0].last)]


def test_an_object_that_is_gone_is_a_finding_of_its_own_and_its_events_are_not_called_removed(
    tables: Connection[Any], folder: Path
) -> None:
    there = partition(tables, 1)
    (folder / there.events_object).unlink()
    report = audit.verify(tables)
    [finding] = report.findings
    assert (finding.wrong, finding.position) == (Wrong.NOT_READABLE, 1)
    assert there.events_object in finding.detail
    assert "12 events between positions 1 and 17" in finding.detail
    assert (report.intact, report.events) == (False, LAST - 12)


def test_what_is_removed_elsewhere_is_counted_beside_an_object_that_is_gone(
    tables: Connection[Any], folder: Path
) -> None:
    (folder / partition(tables, 1).events_object).unlink()
    rewrite(tables, folder, lambda rows: [row for row in rows if row[0] != 12], position=11)
    tables.execute("DELETE FROM aetherius.decided WHERE notification_id = 19")
    findings = found(tables)
    assert named(findings) == [(Wrong.NOT_READABLE, 1), (Wrong.REMOVED, 19), (Wrong.REMOVED, LAST)]
    assert findings[-1].detail.startswith("1 of the positions")


def test_a_whole_archive_that_is_away_is_told_object_by_object(tables: Connection[Any], folder: Path) -> None:
    shutil.rmtree(folder)
    findings = found(tables)
    assert {finding.wrong for finding in findings} == {Wrong.NOT_READABLE}
    assert len(findings) == 4, "events and proofs of two partitions"


def test_a_catalogue_without_an_entry_leaves_its_events_removed(tables: Connection[Any]) -> None:
    tables.execute("DELETE FROM aetherius.archived WHERE name = %s", (partition(tables, 11).name,))
    assert named(found(tables)) == [(Wrong.REMOVED, position) for position in (11, 12, 13, 14, 15, 18)]


def test_a_restored_table_and_its_object_are_both_looked_at(tables: Connection[Any], dsn: str, folder: Path) -> None:
    there = partition(tables, 1)
    restore(dsn, there.name)
    tables.execute(f"ALTER TABLE aetherius.{there.name} DROP CONSTRAINT archived")
    tables.execute("UPDATE aetherius.observed SET state = '{}' WHERE notification_id = 2")
    tables.execute("DELETE FROM aetherius.observed WHERE notification_id = 4")
    rewrite(tables, folder, lambda rows: [row for row in rows if row[0] != 6])
    findings = found(tables)
    assert named(findings) == [(Wrong.CHANGED, 2), (Wrong.REMOVED, 4), (Wrong.REMOVED, 6)]
    assert "not in the restored table" in findings[1].detail
    assert f"not in {there.url}" in findings[2].detail


def test_a_partition_on_its_way_out_is_judged_in_both_places(log: Log, dsn: str, folder: Path) -> None:
    log.ingest([report(OLD, number).stored() for number in range(1, 11)])
    with psycopg.connect(dsn, autocommit=True) as connection, Archiver(dsn, folder.as_uri()) as archiver:
        [there] = [each for each in partitions.partitions(connection) if each.ends and each.ends < NOON]
        archiver.move_edge(there)
        archiver.seal(there)
        archiver.copy(there)
        assert (found(connection), audit.verify(connection).events) == ([], 10)
        connection.execute(f"ALTER TABLE aetherius.{there.name} DROP CONSTRAINT archived")
        connection.execute("UPDATE aetherius.observed SET state = '{}' WHERE notification_id = 2")
        rewrite(connection, folder, lambda rows: [row for row in rows if row[0] != 6])
        assert named(found(connection)) == [(Wrong.CHANGED, 2), (Wrong.REMOVED, 6)]


def test_an_archive_in_a_bucket_is_audited_over_the_network(log: Log, dsn: str, s3_bucket: str) -> None:
    log.ingest([report(OLD, number).stored() for number in range(1, 11)])
    url = f"{s3_bucket}/archive"
    with psycopg.connect(dsn, autocommit=True) as connection, Archiver(dsn, url) as archiver:
        archiver.run(30, NOON, accepted_days=14)
        assert (found(connection), audit.verify(connection).events) == ([], 10)
        [there] = archived(connection)
        bucket = from_url(url)
        whole = bytes(bucket.get(there.events_object).bytes())
        at = whole.index(b"PAR1", 4) - 40
        bucket.put(there.events_object, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        findings = found(connection)
        assert findings
        assert all(f"{url}/{there.events_object}" in finding.detail for finding in findings)
        bucket.delete([there.events_object, there.ledger_object])
        assert {finding.wrong for finding in found(connection)} == {Wrong.NOT_READABLE}


def test_recomputing_the_chain_over_a_forged_object_is_found_through_the_anchor(
    tables: Connection[Any], folder: Path
) -> None:
    heads = [Anchor(*row) for row in tables.execute("SELECT last, hash FROM aetherius.ledger ORDER BY last").fetchall()]
    rewrite(tables, folder, lambda rows: [(*row[:4], b"{}") if row[0] == 12 else row for row in rows], position=11)
    ARCHIVED.forget()
    events = {row[0]: row for row in ARCHIVED.between(archived(tables), 1, LAST)}
    for table in ("observed", "decided"):
        rows = tables.execute(
            f"SELECT notification_id, originator_id, originator_version, topic, state FROM aetherius.{table}"
        )
        events |= {row[0]: row for row in rows.fetchall()}
    before = ledger.GENESIS
    for first, last, at in tables.execute(
        "SELECT first, last, recorded_at FROM aetherius.ledger ORDER BY last"
    ).fetchall():
        leaves = [ledger.leaf(*events[position]) for position in range(first, last + 1)]
        forged = ledger.seal(before, first, ledger.micros(at), leaves, ledger.merkle_root(leaves))
        tables.execute(
            "UPDATE aetherius.ledger SET root = %s, prev_hash = %s, hash = %s, leaves = %s WHERE last = %s",
            (forged.root, forged.prev_hash, forged.hash, forged.leaves, last),
        )
        before = forged.hash
    findings = found(tables, *heads)
    assert {finding.wrong for finding in findings} == {Wrong.ARCHIVE_CHANGED, Wrong.ANCHOR_MISSED}
    missed = [finding for finding in findings if finding.wrong is Wrong.ANCHOR_MISSED]
    assert [finding.position for finding in missed] == [head.position for head in heads[1:]]
    assert "after 10" in missed[0].detail


def test_proofs_and_bundles_hold_archived_events(tables: Connection[Any], dsn: str, folder: Path) -> None:
    for position in range(1, LAST + 1):
        assert evidence.prove(tables, position).fault() == ""
    file = io.BytesIO()
    evidence.export(tables, file, PositionRange(2, LAST), KEY, NOON)
    file.seek(0)
    report = bundle_check.check(file, KEY.public.key_id, {})
    assert (report.findings, report.events) == ([], LAST - 1)
    shutil.rmtree(folder)
    ARCHIVED.forget()
    with pytest.raises(ArchiveUnavailableError):
        evidence.prove(tables, 3)


def test_an_incidents_bundle_holds_the_archived_observations_it_was_made_of(log: Log, dsn: str, folder: Path) -> None:
    history = History(log)
    history.now = OLD
    incident = history.repaired_incident()
    with psycopg.connect(dsn, autocommit=True) as connection:
        before, after = io.BytesIO(), io.BytesIO()
        evidence.export(connection, before, IncidentStory(incident), KEY, NOON)
        archive(dsn, folder)
        assert connection.execute("SELECT count(*) FROM aetherius.observed").fetchone() == (0,)
        evidence.export(connection, after, IncidentStory(incident), KEY, NOON)
    assert after.getvalue() == before.getvalue()


def pages(trail: Trail, wanted: Wanted, limit: int) -> Iterator[TrailPage]:
    page = trail.page(wanted, before=None, as_of=None, limit=limit)
    yield page
    while page.before > 1:
        page = trail.page(wanted, before=page.before, as_of=None, limit=limit)
        yield page


@pytest.mark.parametrize("restored", [False, True])
@pytest.mark.parametrize("limit", [1, 4, 100])
@pytest.mark.parametrize("at_once", [3, 8192])
def test_the_trail_goes_through_tables_and_archive(
    tables: Connection[Any],
    log: Log,
    dsn: str,
    restored: bool,
    limit: int,
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aetherius.event_store.audit.trail._AT_ONCE", at_once)
    if restored:
        restore(dsn, partition(tables, 1).name)
    trail = Trail(dsn)
    stream = UUID(observation_id("c1", OLDER, 13))
    try:
        for wanted, expected in (
            (Wanted(), range(1, LAST + 1)),
            (Wanted(topics=(Reported.topic,)), [*range(1, 19), *range(20, LAST + 1, 2)]),
            (Wanted(topics=(GapDetected.topic,)), range(19, LAST + 1, 2)),
            (Wanted(actor="user:ann", topics=(Reported.topic,)), [*range(1, 19), *range(20, LAST + 1, 2)]),
            (Wanted(actor="user:eve"), []),
            (Wanted(stream=stream), [13]),
            (Wanted(until=log.recorded_at(11)), range(1, 11)),
        ):
            found = [entry.recorded.position for page in pages(trail, wanted, limit) for entry in page.entries]
            assert found == sorted(expected, reverse=True)
    finally:
        trail.close()
