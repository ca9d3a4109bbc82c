"""When each observation was the last of its subject: `[occurred_from, occurred_to)` in the time of what happened, and what was known of that at each position.

An observation holds from when it occurred until the next one of the same subject. As a rule that next one also arrives next: then it ends the interval in
place, and `ended_by` says at which position (as of an earlier one the interval is still open). One that arrives late splits the interval it falls into:
the old version ends (`valid_to`), so that an answer as of an earlier position does not change. docs/decisions/0014-occurred-time.md says why so.

`level` and `known_level` are the lengths of the interval in time and in positions as powers of two. Of one subject only a few intervals of a level can lie
around a moment, so a question looks at few rows of each level, however long the log is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from operator import attrgetter
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from aetherius.projections.copy_text import chunks, fields
from aetherius.projections.read_model import ReadModel, Row
from aetherius.projections.tables import statement

_MICROSECOND = timedelta(microseconds=1)


class Interval:
    """One version of an interval. `stored`: it was there before this batch."""

    __slots__ = (
        "began",
        "changed",
        "columns",
        "created",
        "ended",
        "ended_by",
        "id",
        "occurred_from",
        "occurred_to",
        "subject",
        "valid_from",
        "valid_to",
    )

    def __init__(
        self,
        id: UUID,
        created: int,
        subject: str,
        valid_from: int,
        occurred_from: datetime,
        occurred_to: datetime | None,
        ended_by: int | None,
        columns: str | Sequence[object],
    ) -> None:
        self.id = id
        self.created = created
        self.subject = subject
        self.valid_from = valid_from
        self.valid_to: int | None = None
        self.occurred_from = occurred_from
        self.occurred_to = occurred_to
        self.ended_by = ended_by
        self.began = occurred_from.isoformat()
        """As COPY reads it: the most that a line takes is the making of these texts."""
        self.ended = "\\N" if occurred_to is None else occurred_to.isoformat()
        self.columns = columns
        """As COPY reads them; of a stored one the values."""
        self.changed = False

    def end(self, next: Interval, by: int) -> None:
        """It lasted until another observation of the subject, as was known from position `by` on."""
        self.occurred_to, self.ended, self.ended_by, self.changed = next.occurred_from, next.began, by, True

    def split(self, next: Interval) -> Interval:
        """End this version, as one came late; the one that ends earlier."""
        at, by = next.occurred_from, next.created
        self.valid_to, self.changed = by, True
        return Interval(self.id, self.created, self.subject, by, self.occurred_from, at, by, self.columns)

    @property
    def levels(self) -> tuple[int | None, int | None]:
        """Of its length in time, and of how long it was known as open; None for no length."""
        if self.occurred_to is None or self.ended_by is None:
            return None, None
        length = (self.occurred_to - self.occurred_from) // _MICROSECOND
        return length.bit_length() or None, (self.ended_by - self.valid_from).bit_length() or None

    @property
    def line(self) -> str:
        """As COPY reads it."""
        columns = self.columns if isinstance(self.columns, str) else fields(self.columns)
        start = f"{self.id.hex}\t{self.created}\t{self.subject}\t{self.valid_from}\t{_or_null(self.valid_to)}\t{self.began}\t{self.ended}"
        if self.occurred_to is None:
            return f"{start}\t\\N\t\\N\t\\N\t{columns}"
        level, known = self.levels
        return f"{start}\t{self.ended_by}\t{_or_null(level)}\t{_or_null(known)}\t{columns}"


_order = attrgetter("occurred_from", "created")


def _or_null(value: int | None) -> str:
    return "\\N" if value is None else str(value)


class Intervals:
    """Keeps the intervals of a model that has a subject."""

    def __init__(self, model: ReadModel[Any], suffix: str = "") -> None:
        """`suffix`: of tables that are made beside those that serve."""
        self._model = model
        self._suffix = suffix
        self._subject = attrgetter(*model.subject)

    def fresh(self, made: Sequence[tuple[UUID, int, Any]], columns: Sequence[str]) -> list[Interval]:
        """The intervals of new observations: id, position and row of each, in order of the log, and their columns as COPY reads them."""
        return [
            Interval(id, position, self.subject(row), position, row.occurred_at, None, None, text)
            for (id, position, row), text in zip(made, columns, strict=True)
        ]

    def begin(self, fresh: Sequence[Interval], cursor: Cursor[TupleRow]) -> Observations:
        """Look up what new observations meet."""
        return Observations(fresh, self._load(fresh, cursor), self._statements)

    def subject(self, row: Row) -> str:
        """What a row is an observation of, as a number of 32 digits."""
        return blake2b("\x1f".join(self._subject(row)).encode(), digest_size=16).hexdigest()

    def _load(self, fresh: Sequence[Interval], cursor: Cursor[TupleRow]) -> dict[str, list[Interval]]:
        """The stored intervals that the new ones may change, of each subject in order: its last one, and around those that are late their neighbours."""
        known: dict[str, list[Interval]] = {}
        for interval in self._fetch(cursor, "intervals_last", list({interval.subject for interval in fresh})):
            known[interval.subject] = [interval]
        late = [
            each for each in fresh if (last := known.get(each.subject)) and each.occurred_from < last[0].occurred_from
        ]
        if late:
            wanted = [each.subject for each in late], [each.occurred_from for each in late]
            for interval in self._fetch(cursor, "intervals_around", *wanted):
                group = known[interval.subject]
                if all(other.created != interval.created for other in group):
                    group.append(interval)
            for group in known.values():
                group.sort(key=_order)
        return known

    def _fetch(self, cursor: Cursor[TupleRow], name: str, subjects: list[str], *values: object) -> list[Interval]:
        cursor.execute(self._statements[name], ([UUID(hex=subject) for subject in subjects], *values))
        return [
            Interval(id, created, subject.hex, valid_from, occurred_from, occurred_to, ended_by, columns)
            for id, created, subject, valid_from, occurred_from, occurred_to, ended_by, *columns in cursor.fetchall()
        ]

    @cached_property
    def _statements(self) -> dict[str, Any]:
        found = SQL(", ").join(SQL("found.{}").format(Identifier(name)) for name in self._model.columns)
        names = ("copy_intervals", "intervals_change", "intervals_last", "intervals_around")
        return {name: statement(name, self._model, self._suffix, found_names=found) for name in names}


class Observations:
    """The new observations of one batch, on their way among the known ones."""

    def __init__(self, fresh: Sequence[Interval], known: dict[str, list[Interval]], statements: dict[str, Any]) -> None:
        self._fresh = fresh
        self._known = known
        self._stored = [interval for group in known.values() for interval in group]
        self._statements = statements
        self._versions: list[Interval] = []
        self._chunks: list[bytes] = []

    def place(self) -> None:
        """Find out which intervals begin, end and are split."""
        for interval in self._fresh:
            self._place(interval, self._known.setdefault(interval.subject, []))
        self._chunks = list(chunks(version.line for version in self._versions))

    def write(self, cursor: Cursor[TupleRow]) -> None:
        """Write what was found out."""
        if changed := [interval for interval in self._stored if interval.changed]:
            self._change(changed, cursor)
        with cursor.copy(self._statements["copy_intervals"]) as copy:
            for chunk in self._chunks:
                copy.write(chunk)

    def _place(self, interval: Interval, group: list[Interval]) -> None:
        if group and _order(interval) < _order(group[-1]):
            self._place_late(interval, group)
            return
        if group:
            group[-1].end(interval, interval.created)
        group.append(interval)
        self._versions.append(interval)

    def _place_late(self, interval: Interval, group: list[Interval]) -> None:
        """It ends where the next one begins, and everybody knew of that one before."""
        at = bisect_right(group, _order(interval), key=_order)
        interval.end(group[at], interval.created)
        if at:
            group[at - 1] = group[at - 1].split(interval)
            self._versions.append(group[at - 1])
        group.insert(at, interval)
        self._versions.append(interval)

    def _change(self, changed: Sequence[Interval], cursor: Cursor[TupleRow]) -> None:
        columns = zip(
            *(
                (
                    UUID(hex=each.subject),
                    each.occurred_from,
                    each.created,
                    each.occurred_to,
                    each.ended_by,
                    *each.levels,
                    each.valid_to,
                )
                for each in changed
            ),
            strict=True,
        )
        cursor.execute(self._statements["intervals_change"], [list(column) for column in columns])
