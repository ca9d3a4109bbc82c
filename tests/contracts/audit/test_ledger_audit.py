"""The audit finds what was done to the tables behind the log's back, and names the position."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from psycopg import Connection

from aetherius.event_store.audit import ledger_audit as audit
from aetherius.event_store.audit.anchor import Anchor
from aetherius.event_store.audit.ledger_audit import Wrong
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending

FIRST_DECIDED, LAST = 151, 160


class Events(Protocol):
    def decided(self, stream_id: UUID, version: int = 1, number: int = 0) -> Pending: ...
    def reports(self, count: int) -> list[StoredEvent]: ...


@pytest.fixture
def tables(log: Log, events: Events, dsn: str) -> Iterator[Connection[Any]]:
    """A connection to a log of 100 + 50 observed events in two batches, then ten decided ones in a batch each."""
    log.ingest(events.reports(100))
    log.ingest(events.reports(50))
    for number in range(10):
        log.append([events.decided(uuid4(), 1, number)])
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def found(tables: Connection[Any], anchor: Anchor | None = None) -> list[tuple[Wrong, int]]:
    return [(finding.wrong, finding.position) for finding in audit.verify(tables, anchor=anchor).findings]


def test_an_untouched_log_is_intact(tables: Connection[Any]) -> None:
    report = audit.verify(tables)
    assert report.intact
    assert (report.events, report.entries, report.head.position) == (LAST, 12, LAST)


def test_an_empty_log_is_intact(log: Log, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        assert audit.verify(connection).intact


@pytest.mark.parametrize("table", ["observed", "decided"])
@pytest.mark.parametrize(
    "change",
    [
        "state = set_byte(state, 20, get_byte(state, 20) # 1)",
        "topic = topic || 'x'",
        "originator_version = originator_version + 1",
        "originator_version = -1",
        "originator_id = overlay(originator_id::text placing 'ffffffffffff' from 25)::uuid",
        "state = ''",
    ],
)
def test_a_changed_event_is_named(tables: Connection[Any], table: str, change: str) -> None:
    position = 42 if table == "observed" else FIRST_DECIDED + 3
    tables.execute(f"UPDATE aetherius.{table} SET {change} WHERE notification_id = {position}")
    assert found(tables) == [(Wrong.CHANGED, position)]


def test_a_removed_event_is_named(tables: Connection[Any]) -> None:
    tables.execute("DELETE FROM aetherius.observed WHERE notification_id = 7")
    tables.execute(f"DELETE FROM aetherius.decided WHERE notification_id = {LAST}")
    assert found(tables) == [(Wrong.REMOVED, 7), (Wrong.REMOVED, LAST)]


@pytest.mark.parametrize("position", [-5, 0, 42, LAST + 1, LAST + 500])
def test_an_inserted_event_is_named(tables: Connection[Any], position: int) -> None:
    tables.execute(
        "INSERT INTO aetherius.decided (notification_id, originator_id, originator_version, topic, state) "
        f"SELECT {position}, gen_random_uuid(), 1, topic, state FROM aetherius.decided LIMIT 1"
    )
    assert found(tables) == [(Wrong.INSERTED, position)]


def test_a_moved_event_is_named_where_it_was_and_where_it_is(tables: Connection[Any]) -> None:
    tables.execute("UPDATE aetherius.observed SET notification_id = 1000 WHERE notification_id = 3")
    assert found(tables) == [(Wrong.REMOVED, 3), (Wrong.INSERTED, 1000)]


def test_two_events_that_trade_places_are_both_named(tables: Connection[Any]) -> None:
    tables.execute("UPDATE aetherius.observed SET notification_id = 1000 WHERE notification_id = 3")
    tables.execute("UPDATE aetherius.observed SET notification_id = 3 WHERE notification_id = 9")
    tables.execute("UPDATE aetherius.observed SET notification_id = 9 WHERE notification_id = 1000")
    assert found(tables) == [(Wrong.CHANGED, 3), (Wrong.CHANGED, 9)]


@pytest.mark.parametrize(
    "change",
    [
        "recorded_at = recorded_at + interval '1 microsecond'",
        "recorded_at = 'infinity'",
        "root = set_byte(root, 0, get_byte(root, 0) # 1)",
        "n = n - 1",
        "n = -1",
    ],
)
def test_a_changed_field_of_a_ledger_row_is_named(tables: Connection[Any], change: str) -> None:
    tables.execute(f"UPDATE aetherius.ledger SET {change} WHERE last = 150")
    assert (Wrong.ENTRY_CHANGED, 150) in found(tables)


def test_a_changed_leaf_is_named_with_its_event(tables: Connection[Any]) -> None:
    tables.execute(
        "UPDATE aetherius.ledger SET leaves = set_byte(leaves, 64, get_byte(leaves, 64) # 1) WHERE last = 100"
    )
    assert found(tables) == [(Wrong.ENTRY_CHANGED, 100), (Wrong.CHANGED, 3)]


def test_a_changed_hash_breaks_the_chain_at_the_next_row(tables: Connection[Any]) -> None:
    tables.execute("UPDATE aetherius.ledger SET hash = set_byte(hash, 0, get_byte(hash, 0) # 1) WHERE last = 150")
    assert found(tables) == [(Wrong.ENTRY_CHANGED, 150), (Wrong.CHAIN_BROKEN, 151)]


def test_a_removed_ledger_row_breaks_the_chain_and_disowns_its_events(tables: Connection[Any]) -> None:
    tables.execute("DELETE FROM aetherius.ledger WHERE last = 152")
    assert found(tables) == [(Wrong.CHAIN_BROKEN, 153)] * 2 + [(Wrong.INSERTED, 152)]


def test_a_row_forged_with_all_its_hashes_still_breaks_the_chain(tables: Connection[Any]) -> None:
    from aetherius.event_store import ledger

    row = tables.execute("SELECT * FROM aetherius.decided WHERE notification_id = 155").fetchone()
    entry = tables.execute("SELECT prev_hash, recorded_at FROM aetherius.ledger WHERE last = 155").fetchone()
    assert row is not None
    assert entry is not None
    leaf = ledger.leaf(155, row[1], row[2], row[3], b"{}")
    forged = ledger.seal(entry[0], 155, ledger.micros(entry[1]), [leaf], leaf)
    tables.execute("UPDATE aetherius.decided SET state = '{}' WHERE notification_id = 155")
    tables.execute(
        "UPDATE aetherius.ledger SET root = %s, hash = %s, leaves = %s WHERE last = 155",
        (forged.root, forged.hash, forged.leaves),
    )
    assert found(tables) == [(Wrong.CHAIN_BROKEN, 156)]


def test_a_log_cut_at_its_end_misses_its_anchor(tables: Connection[Any]) -> None:
    anchor = audit.verify(tables).head
    tables.execute("DELETE FROM aetherius.ledger WHERE last >= 159")
    tables.execute("DELETE FROM aetherius.decided WHERE notification_id >= 159")
    assert audit.verify(tables).intact
    assert found(tables, anchor) == [(Wrong.ANCHOR_MISSED, LAST)]


def test_a_log_that_has_grown_meets_its_old_anchor(tables: Connection[Any], log: Log, events: Events) -> None:
    anchor = audit.verify(tables).head
    log.append([events.decided(uuid4())])
    assert audit.verify(tables, anchor=anchor).intact
    assert found(tables, Anchor(anchor.position, b"x" * 32)) == [(Wrong.ANCHOR_MISSED, LAST)]


def test_more_than_can_be_listed_is_counted(tables: Connection[Any]) -> None:
    tables.execute("UPDATE aetherius.observed SET topic = 'x'")
    report = audit.verify(tables)
    assert (len(report.findings), report.total, report.intact) == (audit.CAP, 150, False)
