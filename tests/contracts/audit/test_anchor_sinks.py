"""The one attack that the ledger cannot see by itself, done for real: change an event, and recompute every hash after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from aetherius.event_store import ledger
from aetherius.event_store.audit import ledger_audit as audit
from aetherius.event_store.audit.anchor import Anchor, AnchorFile, AnchorSink, AnchorUnavailableError, SignedHead
from aetherius.event_store.audit.anchor_bucket import AnchorBucket
from aetherius.event_store.audit.anchoring import Anchoring, anchorings
from aetherius.event_store.audit.ledger_audit import AuditReport, AuditStoppedError, Wrong
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.runtime.signing_key import SigningKey


class Events(Protocol):
    def decided(self, stream_id: UUID, version: int = 1, number: int = 0) -> Pending: ...
    def reports(self, count: int) -> list[StoredEvent]: ...


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.load_or_create(tmp_path / "key.pem")


@pytest.fixture(params=["file", "bucket", "s3"])
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> AnchorSink:
    if request.param == "s3":
        return AnchorBucket(f"{request.getfixturevalue('s3_bucket')}/anchors")
    if request.param == "file":
        return AnchorFile(tmp_path / "outside" / "anchors.jsonl")
    (tmp_path / "bucket").mkdir()
    return AnchorBucket((tmp_path / "bucket").as_uri())


@pytest.fixture
def tables(log: Log, dsn: str, events: Events, sink: AnchorSink, key: SigningKey) -> Iterator[Connection[Any]]:
    """A connection to a log of 100 observed events in one batch and ten decided ones, anchored at 100, 103 and 107."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        log.ingest(events.reports(100))
        note(connection, sink, key)
        for number in range(10):
            log.append([events.decided(uuid4(), 1, number)])
            if number in (2, 6):
                note(connection, sink, key)
        yield connection


def note(connection: Connection[Any], sink: AnchorSink, key: SigningKey) -> None:
    head = connection.execute("SELECT last, hash, recorded_at FROM aetherius.ledger ORDER BY last DESC LIMIT 1")
    last, hash, recorded_at = head.fetchall()[0]
    sink.append(SignedHead.sign(last, hash, recorded_at, key))


def verified(tables: Connection[Any], sink: AnchorSink, key: SigningKey) -> AuditReport:
    return audit.verify(tables, anchors=sink.anchors(key.public.key_id))


def found(report: AuditReport) -> list[tuple[Wrong, int]]:
    return [(finding.wrong, finding.position) for finding in report.findings]


def rewrite(tables: Connection[Any], position: int, state: bytes) -> None:
    """What somebody who rules the database can do: forge an event, and make every leaf, root and hash agree with it."""
    for table in ("observed", "decided"):
        tables.execute(f"UPDATE aetherius.{table} SET state = %s WHERE notification_id = %s", (state, position))
    entries = tables.execute("SELECT first, last, recorded_at FROM aetherius.ledger ORDER BY last").fetchall()
    before = ledger.GENESIS
    for first, last, recorded_at in entries:
        rows = tables.execute(
            "SELECT * FROM (SELECT * FROM aetherius.observed UNION ALL SELECT * FROM aetherius.decided) AS e "
            "WHERE notification_id BETWEEN %s AND %s ORDER BY notification_id",
            (first, last),
        ).fetchall()
        leaves = [ledger.leaf(*row[:5]) for row in rows]
        forged = ledger.seal(before, first, ledger.micros(recorded_at), leaves, ledger.merkle_root(leaves))
        tables.execute(
            "UPDATE aetherius.ledger SET root = %s, prev_hash = %s, hash = %s, leaves = %s WHERE last = %s",
            (forged.root, forged.prev_hash, forged.hash, forged.leaves, last),
        )
        before = forged.hash


def test_an_untouched_log_meets_every_anchor(tables: Connection[Any], sink: AnchorSink, key: SigningKey) -> None:
    report = verified(tables, sink, key)
    assert (report.intact, report.anchors) == (True, 3)


def test_a_head_that_is_noted_while_the_audit_runs_is_met(
    tables: Connection[Any], log: Log, events: Events, sink: AnchorSink, key: SigningKey
) -> None:
    def noted_late() -> Iterator[Anchor]:
        log.append([events.decided(uuid4())])
        note(tables, sink, key)
        yield from sink.anchors()

    report = audit.verify(tables, anchors=noted_late())
    assert (report.findings, report.anchors, report.head.position) == ([], 4, 110)


def test_recomputing_the_whole_chain_is_found_and_located(
    tables: Connection[Any], sink: AnchorSink, key: SigningKey
) -> None:
    rewrite(tables, 105, b"{}")
    assert audit.verify(tables).intact, "the ledger alone agrees with the forgery"
    report = verified(tables, sink, key)
    assert found(report) == [(Wrong.ANCHOR_MISSED, 107)]
    assert "after 103" in report.findings[0].detail, "the forgery is at 104 to 107"


def test_recomputing_from_the_first_batch_on_misses_every_anchor(
    tables: Connection[Any], sink: AnchorSink, key: SigningKey
) -> None:
    rewrite(tables, 42, b"{}")
    report = verified(tables, sink, key)
    assert found(report) == [(Wrong.ANCHOR_MISSED, position) for position in (100, 103, 107)]
    assert "no anchor before agrees" in report.findings[0].detail


def test_an_end_that_was_cut_off_is_found(tables: Connection[Any], sink: AnchorSink, key: SigningKey) -> None:
    tables.execute("DELETE FROM aetherius.ledger WHERE last > 104")
    tables.execute("DELETE FROM aetherius.decided WHERE notification_id > 104")
    report = verified(tables, sink, key)
    assert found(report) == [(Wrong.ANCHOR_MISSED, 107)]
    assert "the log ends before its anchor" in report.findings[0].detail


def test_anchors_of_another_key_are_not_believed(
    tables: Connection[Any], sink: AnchorSink, key: SigningKey, tmp_path: Path
) -> None:
    rewrite(tables, 109, b"{}")
    note(tables, sink, SigningKey.load_or_create(tmp_path / "strangers.pem"))
    assert found(verified(tables, sink, key)) == [(Wrong.ANCHOR_DAMAGED, 110)]


def test_what_is_noted_comes_back(sink: AnchorSink, key: SigningKey) -> None:
    assert sink.last() is None
    heads = [SignedHead.sign(position, bytes([position]) * 32, datetime.now(UTC), key) for position in (3, 5, 5)]
    for head in heads:
        sink.append(head)
    assert sink.last() == heads[-1] or sink.last() == heads[1]  # a bucket keeps the first of two that are alike
    assert {(a.position, a.fault) for a in sink.anchors(key.public.key_id)} == {(3, ""), (5, "")}


def test_an_anchor_with_any_character_changed_is_not_believed(key: SigningKey, tmp_path: Path) -> None:
    sink, path = AnchorFile(tmp_path / "anchors.jsonl"), tmp_path / "anchors.jsonl"
    sink.append(SignedHead.sign(3, b"h" * 32, datetime(2026, 11, 23, 12, 0, 0, 5, tzinfo=UTC), key))
    line = path.read_bytes()
    for at in range(len(line) - 1):
        path.write_bytes(line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :])
        assert all(anchor.fault for anchor in sink.anchors(key.public.key_id)), at


def test_a_line_that_a_crash_cut_off_stays_and_does_no_harm(key: SigningKey, tmp_path: Path) -> None:
    path = tmp_path / "anchors.jsonl"
    sink = AnchorFile(path)
    for position in (1, 2):
        sink.append(SignedHead.sign(position, b"h" * 32, datetime.now(UTC), key))
    path.write_bytes(path.read_bytes()[:-20])
    assert [anchor.position for anchor in sink.anchors()] == [1]
    sink.append(SignedHead.sign(3, b"h" * 32, datetime.now(UTC), key))
    assert [(anchor.position, anchor.fault) for anchor in sink.anchors()] == [(1, ""), (3, "")]
    path.write_bytes(b"{}\n" + path.read_bytes())
    assert next(sink.anchors()).fault == "is no anchor"


@pytest.mark.parametrize("place", [lambda folder: folder, lambda folder: folder / "file" / "anchors"])
def test_a_place_that_cannot_be_written_is_named(
    key: SigningKey, tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AnchorUnavailableError, match=str(tmp_path)):
        AnchorFile(place(tmp_path)).append(SignedHead.sign(3, b"h" * 32, datetime.now(UTC), key))


def test_a_bucket_that_is_not_there_is_named_and_keeps_nothing(s3_bucket: str, key: SigningKey) -> None:
    sink = AnchorBucket(s3_bucket + "-not/anchors")
    head = SignedHead.sign(3, b"h" * 32, datetime.now(UTC), key)
    for act in (lambda: sink.append(head), sink.last, lambda: list(sink.anchors())):
        with pytest.raises(AnchorUnavailableError, match=f"{s3_bucket}-not/anchors"):
            act()


def test_an_anchor_in_a_bucket_is_never_written_over(s3_bucket: str, key: SigningKey) -> None:
    sink = AnchorBucket(s3_bucket)
    first = SignedHead.sign(3, b"h" * 32, datetime(2026, 11, 23, tzinfo=UTC), key)
    sink.append(first)
    sink.append(SignedHead.sign(3, b"h" * 32, datetime(2026, 11, 24, tzinfo=UTC), key))
    assert sink.last() == first


def test_a_bucket_of_more_anchors_than_a_listing_holds_is_read_whole(s3_bucket: str, key: SigningKey) -> None:
    sink = AnchorBucket(s3_bucket)
    for position in range(1, 1102):
        sink.append(SignedHead.sign(position, b"h" * 32, datetime.now(UTC), key))
    assert [anchor.position for anchor in sink.anchors(key.public.key_id)] == list(range(1, 1102))


def test_what_is_no_bucket_is_named() -> None:
    with pytest.raises(AnchorUnavailableError, match="gopher"):
        AnchorBucket("gopher://anchors")


def test_an_audit_stops_when_asked(tables: Connection[Any]) -> None:
    asked = iter([False, True])
    with pytest.raises(AuditStoppedError):
        audit.verify(tables, stopped=lambda: next(asked))


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(120):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110  # a file has no event to wait for
            await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_heads_are_noted_as_the_log_grows_and_once_each(
    log: Log, dsn: str, events: Events, sink: AnchorSink, key: SigningKey
) -> None:
    anchoring = asyncio.create_task(Anchoring(dsn, key, sink, "test", 0.01).run())
    for count in (1, 2):
        await asyncio.to_thread(log.append, [events.decided(uuid4())])
        await until(lambda count=count: (head := sink.last()) and head.position == count)  # type: ignore[misc]
    anchoring.cancel()
    await asyncio.wait({anchoring})
    noted = sink.anchors(key.public.key_id)  # in no order that is promised: a store lists as it likes
    assert sorted((anchor.position, anchor.fault) for anchor in noted) == [(1, ""), (2, "")]


@pytest.mark.anyio
async def test_a_log_that_was_written_anew_is_noticed_before_the_next_head_is_noted(
    tables: Connection[Any], dsn: str, sink: AnchorSink, key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    rewrite(tables, 105, b"{}")
    anchoring = asyncio.create_task(Anchoring(dsn, key, sink, "test", 0.01).run())
    await until(lambda: "the log was cut or written anew" in caplog.text)
    anchoring.cancel()
    await asyncio.wait({anchoring})
    assert "noted at position 107" in caplog.text


@pytest.mark.anyio
async def test_a_log_that_is_away_is_waited_for(
    dsn: str, sink: AnchorSink, key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    anchoring = asyncio.create_task(Anchoring(make_conninfo(dsn, port="1"), key, sink, "test", 0.01).run())
    await until(lambda: "anchoring waits" in caplog.text)
    anchoring.cancel()
    await asyncio.wait({anchoring})
    assert sink.last() is None


def test_heads_are_noted_in_each_place_that_is_named(tmp_path: Path, dsn: str, key: SigningKey) -> None:
    given = {"file": tmp_path / "anchors", "bucket": tmp_path.as_uri()}
    assert len(list(anchorings(dsn, key, interval=1.0, **given))) == 2  # type: ignore[arg-type]
    assert list(anchorings(dsn, key, file=None, bucket="", interval=1.0)) == []
