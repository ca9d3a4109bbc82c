"""The partitions of `observed`: ranges of its time-ordered ids, some weeks wide in all, made ahead of time and on demand.

There is no default partition: it would take in what was archived, and keep partitions from being detached while the log is written. So an append that finds no
place makes one and goes on. A new table is made beside the parent and attached, for a moment in which nobody has the parent open (`settle`). Replicas that do so at
once wait for one another.
"""

from __future__ import annotations

import logging
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import Connection, Cursor, errors
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Composed, Identifier, Literal

from aetherius.domain.wire.identity import TIME_SHIFT, milliseconds, milliseconds_of
from aetherius.event_store.errors import UnplaceableEventError
from aetherius.event_store.tables import LOG, OBSERVED, PARTITION_LOCK, POSITION_INDEX, Tables, text_of

logger = logging.getLogger(__name__)

AHEAD: Final = 4
"""Partitions made ahead, besides the current one."""
FARTHEST: Final = timedelta(days=731)
"""Ids of times farther ahead get no partition: they have no time in them."""

_ATTEMPTS: Final = 10
_PAUSE: Final = 0.2
"""Seconds between attempts to have the parent alone, each of at most half of that: whoever comes meanwhile waits behind it."""
_DAY: Final = 86_400_000
END: Final = 1 << 48
"""After every time that an id can hold."""
_BOUNDS: Final = re.compile(r"FROM \((MINVALUE|'[0-9a-f-]+')\) TO \((MAXVALUE|'[0-9a-f-]+')\)")


class Partition(msgspec.Struct, frozen=True, order=True):
    """A table that holds the observations of a range of time. Times are milliseconds since 1970 as ids hold them."""

    first: int
    """The range begins here."""
    end: int
    """And ends before here."""
    name: str
    rows: int = 0
    """About; 0 if not known."""
    size: int = 0
    """Bytes, with indexes."""

    @property
    def begins(self) -> datetime | None:
        """The time that its ids begin with; None for the oldest one."""
        return _moment(self.first) if self.first else None

    @property
    def ends(self) -> datetime | None:
        """The time that its ids end before; None if nothing ends it."""
        return _moment(self.end) if self.end < END else None


class Partitioning(msgspec.Struct, frozen=True):
    """How the table is divided."""

    days: int
    """Width of new partitions."""
    archive_edge: datetime | None
    """Observations before it are archived: nothing is added there any more."""
    now: datetime
    """By the database's clock."""


def archive_edge(connection: Connection[Any], tables: Tables = LOG) -> datetime | None:
    """The moment before which observations are archived; None while nothing is."""
    return partitioning(connection, tables).archive_edge


def partitioning(connection: Connection[Any], tables: Tables = LOG) -> Partitioning:
    """The width of partitions, the archive's edge, and the time."""
    row = _cursor(connection).execute(tables.statement("partitioning")).fetchone()
    assert row is not None, "made together with the table"
    return Partitioning(*row)


def partitions(connection: Connection[Any], tables: Tables = LOG, events: str = OBSERVED) -> list[Partition]:
    """The attached partitions, in order of time."""
    rows = _cursor(connection).execute(tables.statement("partitions"), (f"{tables.schema}.{events}",)).fetchall()
    return sorted(Partition(*_range(bounds), name, count, size) for name, bounds, count, size in rows)


def make_ahead(connection: Connection[Any], *, days: int | None = None, ahead: int = AHEAD) -> list[Partition]:
    """Make the partitions of now and of the time ahead where they are missing; those made. With `days` also set the width of new ones from now on."""
    with connection.transaction():
        _lock(connection)
        if days is not None:
            connection.execute(LOG.statement("partition_days"), (days, days))
        how = partitioning(connection)
        return _make(connection, [milliseconds(how.now) + n * how.days * _DAY for n in range(ahead + 1)], how)


def make_room(connection: Connection[Any], ids: Iterable[UUID]) -> list[Partition]:
    """Make the partitions that these observations need where they are missing; those made.

    Raises:
        UnplaceableEventError: an id is of a time that is archived, or too far ahead; nothing was made.
    """
    with connection.transaction():
        _lock(connection)
        how = partitioning(connection)
        times = {milliseconds_of(id): id for id in ids}
        for time, id in times.items():
            _check(time, id, how)
        return _make(connection, sorted(times), how)


def attach(connection: Connection[Any], partition: Partition) -> None:
    """Attach a table that exists already, within the caller's transaction."""
    connection.execute(named("partition_attach", partition))


def settle(connection: Connection[Any]) -> None:
    """Wait until nobody has the parent open, within the caller's transaction, and keep it so until that ends: call it before a partition is attached.

    PostgreSQL keeps the list of a table's partitions for each connection. Attaching does not wait for others, and one that makes its list at that moment can lack
    the new partition until the next one is attached: its appends fail, and its reads leave events out. Whoever keeps the parent open for seconds (a dump) is not
    waited for: nothing would be stored meanwhile.
    """
    for _ in range(_ATTEMPTS):
        try:
            with connection.transaction():
                connection.execute(LOG.statement("partitions_alone", OBSERVED))
            return
        except errors.LockNotAvailable:
            sleep(_PAUSE)
    logger.warning("a partition is attached while somebody keeps the table open")


def slot_end(time: int, days: int) -> int:
    """Where the partition of a time ends, if nothing stands in its way."""
    return (time // (days * _DAY) + 1) * days * _DAY


def _check(time: int, id: UUID, how: Partitioning) -> None:
    if how.archive_edge and time < milliseconds(how.archive_edge):
        raise UnplaceableEventError(id, f"before the archive's edge, {how.archive_edge.isoformat()}")
    if time > milliseconds(how.now + FARTHEST):
        raise UnplaceableEventError(id, f"more than {FARTHEST.days} days ahead")


def _make(connection: Connection[Any], times: Sequence[int], how: Partitioning) -> list[Partition]:
    there = partitions(connection)
    made: list[Partition] = []
    for time in times:
        at = bisect_right(there, time, key=lambda each: each.first)
        before, after = there[at - 1] if at else None, there[at] if at < len(there) else None
        if before and time < before.end:
            continue
        first, end = time // (how.days * _DAY) * how.days * _DAY, slot_end(time, how.days)
        new = _partition(max(first, before.end if before else 0), min(end, after.first if after else END))
        if not made:
            settle(connection)
        create(connection, new)
        there.insert(at, new)
        made.append(new)
    return made


def _partition(first: int, end: int) -> Partition:
    return Partition(first, end, f"{OBSERVED}_{_moment(first):%Y%m%d}")


def create(connection: Connection[Any], partition: Partition) -> None:
    """Make and attach an empty partition, within the caller's transaction. Raises ``UnplaceableEventError`` if a detached one has its name."""
    for name in ("partition_table", "partition_position_index", "partition_attach"):
        try:
            connection.execute(named(name, partition))
        except errors.DuplicateTable:  # one of that name was detached, and is still here
            raise UnplaceableEventError(
                UUID(int=partition.first << TIME_SHIFT), "in a partition that is detached"
            ) from None


def named(statement: str, partition: Partition) -> Composed:
    """The statement of file `sql/<name>.sql` on a partition."""
    return text_of(statement).format(
        schema=Identifier(LOG.schema),
        events=Identifier(LOG.schema, OBSERVED),
        partition=Identifier(partition.name),
        partition_position=Identifier(f"{partition.name}{POSITION_INDEX}"),
        first=_bound(partition.first) if partition.first else SQL("MINVALUE"),
        end=_bound(partition.end) if partition.end < END else SQL("MAXVALUE"),
    )


def _bound(time: int) -> Literal:
    return Literal(str(UUID(int=time << TIME_SHIFT)))


def _range(bounds: str) -> tuple[int, int]:
    found = _BOUNDS.search(bounds)
    assert found, bounds
    first, end = found.groups()
    return (
        0 if first == "MINVALUE" else milliseconds_of(UUID(first.strip("'"))),
        END if end == "MAXVALUE" else milliseconds_of(UUID(end.strip("'"))),
    )


def _moment(time: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time)


def _lock(connection: Connection[Any]) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (PARTITION_LOCK,))


def _cursor(connection: Connection[Any]) -> Cursor[Any]:
    return connection.cursor(row_factory=tuple_row)
