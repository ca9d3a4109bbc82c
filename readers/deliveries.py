"""What competing consumers have to deliver, in PostgreSQL: which events wait under which key, who has claimed a key, and what is parked.

A key (a stream, a cluster, a receiver) has one row, and its events wait behind it in order of position. A replica claims keys, not events (`FOR UPDATE SKIP
LOCKED`), for as long as its lease; so the events of a key are delivered one after the other, whoever does it. Rows are written in the transaction that moves
the subscription's checkpoint: an event is put here once. Why here and not in a broker: docs/decisions/0012-competing-consumers.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID, uuid4

import msgspec
from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from aetherius.event_store.connections import Connections
from aetherius.readers.errors import NotParkedError
from aetherius.readers.tables import statement

MAX_ERROR: Final = 1000
"""Characters of an error that are kept."""


class Claim(msgspec.Struct, frozen=True):
    """A key that this process delivers for, until its lease ends."""

    id: UUID
    key: str
    attempt: int
    """Of the first event, from 1."""
    positions: list[int]
    """Of the first events that wait, in order."""


class SubscriptionBacklog(msgspec.Struct, frozen=True):
    """Where a subscription stands: how far it has read, and what waits to be delivered."""

    name: str
    position: int
    """Everything up to here was put here, or is not wanted."""
    waiting: int
    """Events that are not delivered yet."""
    retrying: int
    """Keys whose first event failed, and will be tried again."""
    parked: int
    """Keys whose first event is given up until somebody looks."""
    oldest: int | None
    """Position of the first event that waits."""


class Parked(msgspec.Struct, frozen=True):
    """An event that was given up, and holds the others of its key."""

    subscription: str
    key: str
    position: int
    attempts: int
    error: str
    parked_at: datetime
    behind: int
    """Events of the same key that wait behind it."""


class Dropped(msgspec.Struct, frozen=True):
    """An event that somebody decided not to deliver."""

    subscription: str
    key: str
    position: int
    error: str
    reason: str
    dropped_at: datetime


class Deliveries:
    """Thread-safe and blocking. Every method may raise ``LogUnavailableError``, and may be repeated then."""

    def __init__(self, dsn: str, *, pool_size: int = 2, timeout: float = 10.0) -> None:
        """The tables are there already (`aetherius migrate`)."""
        self._connections = Connections(dsn, size=pool_size, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let every connection go."""
        self._connections.close()

    # Of a consumer

    def register(self, subscription: str) -> None:
        """Make a subscription known to `backlogs`."""
        self._execute("subscription_add", subscription)

    def put(self, rows: Cursor[TupleRow], subscription: str, waiting: Sequence[tuple[str, int]]) -> None:
        """Have events (key and position) delivered: within the transaction that moves the subscription's checkpoint past them."""
        if not waiting:
            return
        keys = sorted({key for key, _ in waiting})  # in one order: two writers do not wait for each other
        rows.execute(statement("delivery_keys_add"), (subscription, keys))
        columns = [key for key, _ in waiting], [position for _, position in waiting]
        rows.execute(statement("deliveries_add"), (subscription, *columns))

    def waiting(self, subscription: str, limit: int) -> int:
        """Events that are not delivered yet; counted up to a limit."""
        return int(self._rows("deliveries_waiting", subscription, limit)[0][0])

    def claim(self, subscription: str, *, keys: int, events: int, lease: float) -> list[Claim]:
        """Claim up to `keys` keys that are due, for `lease` seconds, each with its first `events` events. Counts as an attempt."""
        id = uuid4()
        values = {
            "claim": id,
            "lease": timedelta(seconds=lease),
            "subscription": subscription,
            "keys": keys,
            "events": events,
        }
        with self._connections.connection() as connection:
            rows = connection.execute(statement("delivery_claim"), values).fetchall()
        return [Claim(id, key, attempt, positions) for key, attempt, positions in rows]

    def next_due(self, subscription: str) -> float | None:
        """Seconds until a key is due, negative if one is; None if nothing waits."""
        seconds: float | None = self._rows("delivery_next_due", subscription)[0][0]
        return seconds

    def extend(self, subscription: str, claims: Iterable[UUID], lease: float) -> None:
        """Keep claims for `lease` seconds from now on."""
        self._execute("delivery_extend", timedelta(seconds=lease), subscription, list(claims))

    def delivered(self, subscription: str, claim: Claim, upto: int) -> bool:
        """Take off the events of a claimed key up to a position, and let the key go. False, and nothing is done, if the claim was lost: they are delivered again."""
        return self._settle(subscription, claim, upto, delay=0.0, attempts=0)

    def failed(self, subscription: str, claim: Claim, upto: int, error: str, *, attempts: int, delay: float) -> bool:
        """The same, and try the next event again after `delay` seconds; it was tried `attempts` times."""
        return self._settle(subscription, claim, upto, delay=delay, attempts=attempts, error=error)

    def park(self, subscription: str, claim: Claim, upto: int, error: str, *, attempts: int) -> bool:
        """The same, and hold the next event and what waits behind it until somebody looks."""
        return self._settle(subscription, claim, upto, delay=0.0, attempts=attempts, error=error, parked=True)

    def _settle(
        self,
        subscription: str,
        claim: Claim,
        upto: int,
        *,
        delay: float,
        attempts: int,
        error: str = "",
        parked: bool = False,
    ) -> bool:
        with self._connections.connection() as connection, connection.transaction():
            if not _run(connection, "delivery_hold", subscription, claim.key, claim.id).fetchall():
                return False
            if upto:
                _run(connection, "deliveries_done", subscription, claim.key, upto)
            # What is put here meanwhile is seen: whoever does it waits for this key's row, or has had it before us.
            if _run(connection, "delivery_key_done", subscription, claim.key).rowcount == 0:
                values = {
                    "subscription": subscription,
                    "key": claim.key,
                    "delay": timedelta(seconds=delay),
                    "attempts": attempts,
                    "error": error[:MAX_ERROR],
                    "parked": parked,
                }
                connection.execute(statement("delivery_release"), values)
        return True

    # For people

    def backlogs(self) -> list[SubscriptionBacklog]:
        """Every subscription that ever ran."""
        return [SubscriptionBacklog(*row) for row in self._rows("subscriptions")]

    def parked(self, subscription: str = "") -> list[Parked]:
        """What is parked, of one subscription or of all."""
        with self._connections.connection() as connection:
            rows = connection.execute(statement("deliveries_parked"), {"subscription": subscription}).fetchall()
        return [Parked(*row) for row in rows]

    def dropped(self, subscription: str = "") -> list[Dropped]:
        """What was dropped, of one subscription or of all."""
        with self._connections.connection() as connection:
            rows = connection.execute(statement("deliveries_dropped"), {"subscription": subscription}).fetchall()
        return [Dropped(*row) for row in rows]

    def retry(self, subscription: str, position: int) -> None:
        """Deliver a parked event, and what waits behind it, from now on. Raises ``NotParkedError``."""
        with self._connections.connection() as connection, connection.transaction():
            key, _ = _parked_at(connection, subscription, position)
            _run(connection, "delivery_unpark", subscription, key)

    def drop(self, subscription: str, position: int, reason: str) -> None:
        """Never deliver a parked event; what waits behind it goes on. Kept with the reason. Raises ``NotParkedError``."""
        with self._connections.connection() as connection, connection.transaction():
            key, error = _parked_at(connection, subscription, position)
            _run(connection, "delivery_drop", subscription, position, key, error, reason)
            _run(connection, "deliveries_done", subscription, key, position)
            if _run(connection, "delivery_key_done", subscription, key).rowcount == 0:
                _run(connection, "delivery_unpark", subscription, key)

    def _execute(self, name: str, *values: object) -> None:
        with self._connections.connection() as connection:
            _run(connection, name, *values)

    def _rows(self, name: str, *values: object) -> list[TupleRow]:
        with self._connections.connection() as connection:
            return _run(connection, name, *values).fetchall()


def _parked_at(connection: Connection[TupleRow], subscription: str, position: int) -> tuple[str, str]:
    values = {"subscription": subscription, "position": position}
    row = connection.execute(statement("delivery_parked_at"), values).fetchone()
    if row is None:
        raise NotParkedError(subscription, position)
    return row[0], row[1]


def _run(connection: Connection[TupleRow], name: str, *values: object) -> Cursor[Any]:
    return connection.execute(statement(name), values or None)
