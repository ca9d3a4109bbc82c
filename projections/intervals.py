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
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from operator import attrgetter
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from aetherius.projections.copy_text import lines
from aetherius.projections.read_model import ReadModel, Row
from aetherius.projections.tables import statement

_MICROSECOND = timedelta(microseconds=1)


class _Interval:
    """One version of an interval. `stored`: it was there before this batch."""

    __slots__ = (
        "changed",
        "created",
        "ended_by",
        "id",
        "occurred_from",
        "occurred_to",
        "stored",
        "subject",
        "valid_from",
        "valid_to",
        "values",
    )

    def __init__(
        self,
        id: UUID,
        created: int,
        subject: UUID,
        valid_from: int,
        occurred_from: datetime,
        occurred_to: datetime | None,
        ended_by: int | None,
        *values: object,
        stored: bool = False,
    ) -> None:
        self.id = id
        self.created = created
        self.subject = subject
        self.valid_from = valid_from
        self.valid_to: int | None = None
        self.occurred_from = occurred_from
        self.occurred_to = occurred_to
        self.ended_by = ended_by
        self.values = values
        self.stored = stored
        self.changed = False

    def end(self, at: datetime, by: int) -> None:
        """The next observation of the subject came."""
        self.occurred_to, self.ended_by, self.changed = at, by, True

    def split(self, at: datetime, by: int) -> _Interval:
        """End this version; the one that ends earlier."""
        self.valid_to, self.changed = by, True
        return _Interval(self.id, self.created, self.subject, by, self.occurred_from, at, by, *self.values)

    @property
    def levels(self) -> tuple[int | None, int | None]:
        """Of its length in time, and of how long it was known as open; None for no length."""
        if self.occurred_to is None or self.ended_by is None:
            return None, None
        length = (self.occurred_to - self.occurred_from) // _MICROSECOND
        return length.bit_length() or None, (self.ended_by - self.valid_from).bit_length() or None


_order = attrgetter("occurred_from", "created")


class Intervals:
    """Keeps the intervals of a model that has a subject."""

    def __init__(self, model: ReadModel[Any], suffix: str = "") -> None:
        """`suffix`: of tables that are made beside those that serve."""
        self._model = model
        self._suffix = suffix
        self._subject = attrgetter(*model.subject)
        self._values = attrgetter(*model.columns)

    def apply(self, made: Sequence[tuple[UUID, int, Any]], cursor: Cursor[TupleRow]) -> None:
        """Take in new observations, in order of the log: id, position and row of each."""
        fresh = [
            _Interval(id, position, self.subject(row), position, row.occurred_at, None, None, *self._values(row))
            for id, position, row in made
        ]
        known = self._load(fresh, cursor)
        stored = [interval for group in known.values() for interval in group]
        versions: list[_Interval] = []
        for interval in fresh:
            self._place(interval, known.setdefault(interval.subject, []), versions)
        if changed := [interval for interval in stored if interval.changed]:
            self._change(changed, cursor)
        with cursor.copy(self._statements["copy_intervals"]) as copy:
            copy.write(lines(map(_fields, versions)))

    def subject(self, row: Row) -> UUID:
        """What a row is an observation of, as a number."""
        return UUID(bytes=blake2b("\x1f".join(self._subject(row)).encode(), digest_size=16).digest())

    @staticmethod
    def _place(interval: _Interval, group: list[_Interval], versions: list[_Interval]) -> None:
        at = bisect_right(group, _order(interval), key=_order)
        before = group[at - 1] if at else None
        if at < len(group):  # late: it ends where the next one begins, and everybody knew of that one before
            interval.occurred_to, interval.ended_by = group[at].occurred_from, interval.created
            if before:
                group[at - 1] = before.split(interval.occurred_from, interval.created)
                versions.append(group[at - 1])
        elif before:
            before.end(interval.occurred_from, interval.created)
        group.insert(at, interval)
        versions.append(interval)

    def _load(self, fresh: Sequence[_Interval], cursor: Cursor[TupleRow]) -> dict[UUID, list[_Interval]]:
        """The stored intervals that the new ones may change, of each subject in order: its last one, and around those that are late their neighbours."""
        known: dict[UUID, list[_Interval]] = {}
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

    def _fetch(self, cursor: Cursor[TupleRow], name: str, *values: object) -> list[_Interval]:
        cursor.execute(self._statements[name], values)
        return [_Interval(*row, stored=True) for row in cursor.fetchall()]

    def _change(self, changed: Sequence[_Interval], cursor: Cursor[TupleRow]) -> None:
        columns = zip(
            *(
                (
                    each.subject,
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

    @cached_property
    def _statements(self) -> dict[str, Any]:
        found = SQL(", ").join(SQL("found.{}").format(Identifier(name)) for name in self._model.columns)
        names = ("copy_intervals", "intervals_change", "intervals_last", "intervals_around")
        return {name: statement(name, self._model, self._suffix, found_names=found) for name in names}


def _fields(interval: _Interval) -> tuple[object, ...]:
    return (
        interval.id,
        interval.created,
        interval.subject,
        interval.valid_from,
        interval.valid_to,
        interval.occurred_from.astimezone(UTC),
        interval.occurred_to and interval.occurred_to.astimezone(UTC),
        interval.ended_by,
        *interval.levels,
        *interval.values,
    )
