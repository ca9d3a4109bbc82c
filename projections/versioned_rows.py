"""The projector of a read model: folds a batch of events into versions of rows.

Three statements a batch, however many events it has: read the current rows it concerns, end the versions that were replaced, COPY the new ones. Several
changes of one row in one batch all keep their versions, so the rows do not depend on how the log was cut into batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic
from uuid import UUID

import msgspec
from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.domain.event import Recorded
from aetherius.projections.copy_text import chunks, document, fields
from aetherius.projections.intervals import Interval, Intervals
from aetherius.projections.read_model import R, ReadModel
from aetherius.projections.tables import statement, text

_encode = msgspec.json.Encoder().encode
_BY_INDEX = text("by_index")
"""Plans are kept, and those made while a table is empty would read all of it for ever. And no fsync is waited for: rows and checkpoint are lost together, if
the server dies, and made again."""


class _Version(Generic[R]):
    """A row during an interval; `stored` when it was there before this batch."""

    __slots__ = ("created", "id", "row", "stored", "valid_from", "valid_to")

    def __init__(self, id: UUID, created: int, valid_from: int, row: R, *, stored: bool = False) -> None:
        self.id = id
        self.created = created
        self.valid_from = valid_from
        self.valid_to: int | None = None
        self.row = row
        self.stored = stored


class Lines(msgspec.Struct, frozen=True):
    """Versions as COPY reads them."""

    chunks: Iterable[bytes]
    """Made as they are read, once, unless all are `made`."""
    fresh: list[Interval]
    """Those that begin with them."""
    count: int

    def made(self) -> Lines:
        """The same, with nothing left to make."""
        return Lines(list(self.chunks), self.fresh, self.count)


class Prepared(msgspec.Struct, frozen=True):
    """What a batch writes, as far as that can be said without the rows that are there."""

    batch: Sequence[Recorded]
    lines: Lines | None = None
    """Of rows that are written once."""


class VersionedRows(Generic[R]):
    """A `Projector` for one read model."""

    def __init__(self, model: ReadModel[R], suffix: str = "") -> None:
        """`suffix`: of tables that are made beside those that serve."""
        self.model = model
        self.name = model.name
        self.topics = model.topics
        self._suffix = suffix
        self._intervals = Intervals(model, suffix) if model.subject else None
        self._decoder = msgspec.json.Decoder(model.row)

    def apply(self, batch: Sequence[Recorded], rows: Cursor[TupleRow]) -> None:
        """Write the versions that the events make; see `Projector`."""
        self._write(batch, self._written_once(batch) if self.model.immutable else None, rows)

    def prepare(self, batch: Sequence[Recorded]) -> Prepared:
        """The part of `apply` that can be done before the batches that come first are written."""
        if not self.model.immutable:
            return Prepared(batch)
        return Prepared(batch, self._written_once(batch).made())

    def write(self, prepared: Prepared, rows: Cursor[TupleRow]) -> None:
        """The rest of it."""
        self._write(prepared.batch, prepared.lines, rows)

    def _write(self, batch: Sequence[Recorded], lines: Lines | None, rows: Cursor[TupleRow]) -> None:
        rows.execute(_BY_INDEX)
        self._copy(rows, self._lines(self._folded(batch, rows)) if lines is None else lines)

    def _folded(self, batch: Sequence[Recorded], rows: Cursor[TupleRow]) -> list[_Version[R]]:
        keyed = [(self.model.key(recorded), recorded) for recorded in batch]
        current = self._load(rows, {key for key, _ in keyed})
        ended: dict[UUID, int] = {}
        made: list[_Version[R]] = []
        for key, recorded in keyed:
            self._fold(key, recorded, current, ended, made)
        if ended:
            rows.execute(self._statements["close_rows"], (list(ended), list(ended.values())))
        return made

    def _written_once(self, batch: Sequence[Recorded]) -> Lines:
        key, evolve = self.model.key, self.model.evolve
        return self._lines(
            [
                _Version(key(recorded), recorded.position, recorded.position, row)
                for recorded in batch
                if (row := evolve(None, recorded)) is not None
            ]
        )

    def _fold(
        self,
        key: UUID,
        recorded: Recorded,
        current: dict[UUID, _Version[R]],
        ended: dict[UUID, int],
        made: list[_Version[R]],
    ) -> None:
        old = current.get(key)
        row = self.model.evolve(old.row if old else None, recorded)
        if row == (old.row if old else None):
            return
        if old:
            old.valid_to = recorded.position
            if old.stored:
                ended[key] = recorded.position
            del current[key]
        if row is not None:
            created = old.created if old else recorded.position
            made.append(_Version(key, created, recorded.position, row))
            current[key] = made[-1]

    def _load(self, rows: Cursor[TupleRow], keys: set[UUID]) -> dict[UUID, _Version[R]]:
        rows.execute(self._statements["current_rows"], (list(keys),))
        return {
            id: _Version(id, created, valid_from, self._decoder.decode(doc), stored=True)
            for id, created, valid_from, doc in rows.fetchall()
        }

    def _lines(self, versions: Sequence[_Version[R]]) -> Lines:
        values = _values_of(tuple(self.model.columns))
        columns = [fields(values(version.row)) for version in versions]
        found = [(version.id, version.created, version.row) for version in versions]
        fresh = self._intervals.fresh(found, columns) if self._intervals else []
        return Lines(chunks(map(_line, versions, columns)), fresh, len(versions))

    def _copy(self, rows: Cursor[TupleRow], lines: Lines) -> None:
        if not lines.count:
            return
        unit = self._intervals.begin(lines.fresh, rows) if self._intervals else None
        with rows.copy(self._statements["copy_rows"]) as copy:
            for chunk in lines.chunks:
                copy.write(chunk)
            if unit:
                unit.place()  # while PostgreSQL is busy with the rows
        if unit:
            unit.write(rows)

    @cached_property
    def _statements(self) -> dict[str, Any]:
        return {name: statement(name, self.model, self._suffix) for name in ("current_rows", "close_rows", "copy_rows")}


def _line(version: _Version[Any], columns: str) -> str:
    ended = "\\N" if version.valid_to is None else version.valid_to
    return f"{version.id.hex}\t{version.created}\t{version.valid_from}\t{ended}\t{columns}\t{document(_encode(version.row))}"


def _values_of(names: tuple[str, ...]) -> Any:
    read = attrgetter(*names)
    return read if len(names) > 1 else lambda row: (read(row),)
