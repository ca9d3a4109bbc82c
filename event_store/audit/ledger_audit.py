"""The audit: reads the whole log once and says which position was changed, removed or inserted, and where the ledger's chain is broken.

Both event tables, the archive and the ledger are streamed side by side in order of position, in one snapshot and in constant memory. What an audit cannot see by
itself is a log that was cut at its end, or written anew from some point on: for that give it `anchors`, heads that were noted elsewhere.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from itertools import chain, islice
from typing import Any

import msgspec
import psycopg
from psycopg import Connection
from psycopg.rows import tuple_row

from aetherius.domain.errors import DomainError
from aetherius.event_store import ledger
from aetherius.event_store.archive import catalogue
from aetherius.event_store.archive.inspection import Copy, Fault, Inspection, where
from aetherius.event_store.audit.anchor import Anchor as Anchor  # noqa: PLC0414  # what an audit takes and gives
from aetherius.event_store.ledger import Entry
from aetherius.event_store.reading.snapshot import snapshot
from aetherius.event_store.tables import EVENT_TABLES, LOG, OBSERVED, Tables, table_of

CAP = 100
"""Findings listed; more are only counted."""

_EVENTS_AT_ONCE = 1000
_ENTRIES_AT_ONCE = 8
_ANCHORS_AT_ONCE = 1000


class Wrong(enum.StrEnum):
    """What an audit can find."""

    CHANGED = "changed"
    """The event at this position is not the one that was recorded."""
    REMOVED = "removed"
    """The event that was recorded at this position is gone."""
    INSERTED = "inserted"
    """An event stands at this position that was never recorded."""
    ENTRY_CHANGED = "entry changed"
    """The ledger's entry that ends at this position does not match its own hash, root or leaves."""
    CHAIN_BROKEN = "chain broken"
    """The ledger's entry that ends at this position does not follow the one before."""
    ARCHIVE_CHANGED = "archive changed"
    """An object of the archive is not the one that the catalogue names. Its events that were changed have findings of their own."""
    NOT_READABLE = "not readable"
    """An object of the archive, or a part of it, cannot be had or read: nothing is known of its events. The position is the first of them."""
    ANCHOR_MISSED = "anchor missed"
    """The ledger does not hold the anchor's hash at this position: the log was cut, or written anew, before it."""
    ANCHOR_DAMAGED = "anchor damaged"
    """An anchor cannot be trusted: not signed, or by another key."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong, and where."""

    wrong: Wrong
    position: int
    detail: str


class AuditReport(msgspec.Struct):
    """The outcome of an audit."""

    events: int = 0
    entries: int = 0
    anchors: int = 0
    """Anchors that the ledger holds."""
    head: Anchor = Anchor(0, ledger.GENESIS)
    """The last entry: note it elsewhere, it is the next audit's anchor."""
    findings: list[Finding] = []
    """About in order of position, then those about anchors; at most `CAP`."""
    total: int = 0
    """Findings in all."""

    @property
    def intact(self) -> bool:
        """Nothing is wrong."""
        return self.total == 0

    def add(self, wrong: Wrong, position: int, detail: str) -> None:
        """Take a finding; past the cap only count it."""
        self.total += 1
        if len(self.findings) < CAP:
            self.findings.append(Finding(wrong, position, detail))


class AuditStoppedError(DomainError):
    """The audit was asked to stop before it was done."""


def verify(
    connection: Connection[Any],
    *,
    anchor: Anchor | None = None,
    anchors: Iterable[Anchor] = (),
    stopped: Callable[[], bool] = bool,
    tables: Tables = LOG,
) -> AuditReport:
    """Check every stored and archived event against the ledger, the ledger against itself, and the anchors against the ledger.

    `connection` must not be in a transaction. Safe to repeat, and while the log is written: it sees one snapshot.

    Args:
        anchors: heads that were noted elsewhere, in any order, as many as there are; `anchor` is one more.
        stopped: asked once a batch.

    Raises:
        AuditStoppedError: `stopped` said yes.
    """
    with snapshot(connection, tables):
        audit = _Audit(connection, tables, stopped)
        report = audit.run()
    audit.check_anchors(chain((anchor,) if anchor else (), anchors))
    return report


class _Audit:
    def __init__(self, connection: Connection[Any], tables: Tables, stopped: Callable[[], bool]) -> None:
        self._connection = connection
        self._tables = tables
        self._stopped = stopped
        self._report = AuditReport(findings=[])
        self._archive = Inspection(catalogue.archived(connection), self._add_fault, self._hashes)

    def run(self) -> AuditReport:
        events = _Lookahead(merge(*(self._events(table) for table in EVENT_TABLES)))
        copies = _Lookahead(self._archive.copies())
        before: Entry | None = None
        for entry in self._entries():
            if self._stopped():
                raise AuditStoppedError(f"stopped after position {self._report.head.position}")
            self._check_entry(entry, before)
            self._check_events(entry, events, copies)
            self._report.entries += 1
            self._report.head = Anchor(entry.last, entry.hash)
            before = entry
        for row in events.rest():
            self._insert(row)
        for _, copy in copies.rest():
            self._insert(copy.row, copy.where)
        if (lost := self._archive.missed - self._archive.dark_rows) > 0:
            detail = f"{lost} of the positions before it that are nowhere are more than the archive's unreadable objects held"
            self._report.add(Wrong.REMOVED, self._report.head.position, detail)
        return self._report

    def _add_fault(self, fault: Fault) -> None:
        if self._stopped():
            raise AuditStoppedError(f"stopped in the archive, {fault.detail}")
        wrong = Wrong.NOT_READABLE if fault.unreadable else Wrong.ARCHIVE_CHANGED
        self._report.add(wrong, fault.position, fault.detail)

    def check_anchors(self, anchors: Iterable[Anchor]) -> None:
        """Look every anchor up, some at a time: they may be many, and come in any order.

        Each time in the log as it is by then: heads are noted while an audit runs, and what was noted is in the ledger for ever.
        """
        agreed = 0
        remaining = iter(anchors)
        while some := list(islice(remaining, _ANCHORS_AT_ONCE)):
            held = self._hashes([anchor.position for anchor in some])
            for anchor in sorted(some, key=lambda anchor: anchor.position):
                if anchor.fault:
                    self._report.add(Wrong.ANCHOR_DAMAGED, anchor.position, f"{anchor.where}: {anchor.fault}")
                elif held.get(anchor.position) == anchor.hash:
                    self._report.anchors += 1
                    agreed = max(agreed, anchor.position)
                else:
                    self._report.add(Wrong.ANCHOR_MISSED, anchor.position, self._missed(anchor, held, agreed))

    def _missed(self, anchor: Anchor, held: dict[int, bytes], agreed: int) -> str:
        if anchor.position in held:
            what = "another hash than was noted"
        elif anchor.position > self._report.head.position:
            what = "the log ends before its anchor"
        else:
            what = "no entry ends here"
        since = "no anchor before agrees"
        if 0 < agreed < anchor.position:
            since = f"the log is not the same from some position after {agreed} on"
        return f"{what}; {since}" + (f" ({anchor.where})" if anchor.where else "")

    def _hashes(self, positions: list[int]) -> dict[int, bytes]:
        with self._connection.transaction(), self._connection.cursor(binary=True, row_factory=tuple_row) as cursor:
            return dict(cursor.execute(self._tables.statement("audit_anchors"), (positions,)).fetchall())

    def _entries(self) -> Iterator[Entry]:
        for row in self._stream("audit_ledger", "ledger", _ENTRIES_AT_ONCE):
            yield Entry(**dict(zip(Entry.__struct_fields__, row, strict=True)))

    def _events(self, table: str) -> Iterator[Any]:
        return self._stream("audit_events", table, _EVENTS_AT_ONCE)

    def _stream(self, statement: str, events: str, at_once: int) -> Iterator[Any]:
        with psycopg.ServerCursor(self._connection, f"{statement}_{events}", row_factory=tuple_row) as cursor:
            cursor.itersize = at_once
            cursor.execute(self._tables.statement(statement, events), binary=True)
            yield from cursor

    def _check_entry(self, entry: Entry, before: Entry | None) -> None:
        self._check_chain(entry, before)
        if fault := _fault(entry):
            self._report.add(Wrong.ENTRY_CHANGED, entry.last, fault)

    def _check_chain(self, entry: Entry, before: Entry | None) -> None:
        end, previous, clock = (
            (before.last, before.hash, before.recorded_at) if before else (0, ledger.GENESIS, entry.recorded_at)
        )
        if entry.first != end + 1:
            self._report.add(Wrong.CHAIN_BROKEN, entry.last, f"starts at {entry.first}, the one before ends at {end}")
        if entry.prev_hash != previous:
            self._report.add(Wrong.CHAIN_BROKEN, entry.last, "does not name the hash of the one before")
        if entry.recorded_at < clock:
            self._report.add(Wrong.CHAIN_BROKEN, entry.last, "recorded earlier than the one before")

    def _check_events(self, entry: Entry, events: _Lookahead, copies: _Lookahead) -> None:
        for row in events.before(entry.first):
            self._insert(row)
        for _, copy in copies.before(entry.first):
            self._insert(copy.row, copy.where)
        check = self._check_both if self._archive.partitions else self._check_position
        for position, leaf in enumerate(ledger.split_leaves(entry.leaves), entry.first):
            check(position, leaf, list(events.before(position + 1)), copies)

    def _check_position(self, position: int, leaf: bytes, rows: list[Any], _: _Lookahead) -> None:
        if not rows:
            self._report.add(Wrong.REMOVED, position, "recorded, but not stored")
            return
        self._report.events += 1
        self._judge(position, leaf, rows)

    def _check_both(self, position: int, leaf: bytes, rows: list[Any], archived: _Lookahead) -> None:
        """A position that may stand in the tables, in the archive, or in both: while a partition is taken away, and after it was restored."""
        copies = [copy for _, copy in archived.before(position + 1)]
        if not rows and not copies:
            if not self._archive.may_hold(position):
                self._report.add(Wrong.REMOVED, position, "recorded, but neither stored nor archived")
            return
        self._report.events += 1
        if rows:
            self._judge(position, leaf, rows)
        if copies:
            self._judge(position, leaf, [copy.row for copy in copies], copies[0].where)
        self._check_restored(position, rows, copies)

    def _check_restored(self, position: int, rows: list[Any], copies: list[Copy]) -> None:
        """What should stand in both and stands in one: a restored table is what readers see, its object what is left when it is released."""
        if not rows and copies[0].partition.restored:
            detail = f"not in the restored table; archived in {copies[0].where}"
            self._report.add(Wrong.REMOVED, position, detail)
        elif not copies and table_of(rows[0][3]) == OBSERVED and (partition := self._archive.lacks(rows[0])):
            self._report.add(Wrong.REMOVED, position, f"not in {where(partition)}; stored in a table")

    def _judge(self, position: int, leaf: bytes, rows: list[Any], place: str = "") -> None:
        """What stands at a position, in one place: the first one that is what was recorded, or else the first one at all, is the event."""
        if len(rows) == 1 and _is(rows[0], leaf):
            return
        found = next((index for index, row in enumerate(rows) if _is(row, leaf)), None)
        if found is None:
            self._report.add(Wrong.CHANGED, position, _name(rows[0], place))
        for index, row in enumerate(rows):
            if index != (found or 0):
                self._insert(row, place)

    def _insert(self, row: Any, place: str = "") -> None:
        self._report.events += 1
        self._report.add(Wrong.INSERTED, row[0], _name(row, place))


class _Lookahead:
    """Rows in order of position, taken up to a position at a time."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def before(self, position: int) -> Iterator[Any]:
        """The rows below a position that were not taken yet."""
        while self._next is not None and self._next[0] < position:
            yield self._next
            self._next = next(self._rows, None)

    def rest(self) -> Iterator[Any]:
        """All that were not taken yet."""
        if self._next is not None:
            yield self._next
            yield from self._rows


def _fault(entry: Entry) -> str:
    """What in an entry contradicts the rest of it; empty if nothing does."""
    if entry.first < 1 or entry.n != entry.last - entry.first + 1 or len(entry.leaves) != entry.n * ledger.HASH_SIZE:
        return "its range, count and leaves do not agree"
    if ledger.merkle_root(list(ledger.split_leaves(entry.leaves))) != entry.root:
        return "its root is not that of its leaves"
    expected = ledger.chain_hash(entry.prev_hash, entry.first, entry.last, entry.n, entry.recorded_at, entry.root)
    return "" if expected == entry.hash else "its hash is not that of its fields"


def _is(row: Any, leaf: bytes) -> bool:
    return row[2] >= 0 and ledger.leaf(*row) == leaf  # no version below 0 was ever recorded, and none can be hashed


def _name(row: Any, place: str = "") -> str:
    _, stream_id, version, topic, _ = row
    return f"{topic} of stream {stream_id}, version {version}" + (f", in {place}" if place else "")
