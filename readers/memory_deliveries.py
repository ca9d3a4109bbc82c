"""Waiting deliveries in memory, beside a log in memory: for tests of effects without a server. It passes the contract suite of PostgreSQL's (`deliveries.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec
from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.event_store.memory import MemoryLog
from aetherius.readers.deliveries import MAX_ERROR, Claim, Dropped, Parked, SubscriptionBacklog
from aetherius.readers.errors import NotParkedError
from aetherius.runtime.clock import utc_now


class _Key(msgspec.Struct, frozen=True):
    """Of a key with something to do."""

    due_at: datetime
    claim: UUID | None = None
    attempts: int = 0
    error: str = ""
    parked_at: datetime | None = None


class MemoryDeliveries:
    """Stands in for `deliveries.Deliveries`. Thread-safe, as that is."""

    def __init__(self, log: MemoryLog, clock: Callable[[], datetime] = utc_now) -> None:
        """`log`: whose transactions put events here."""
        self._log = log
        self._clock = clock
        self._subscriptions: dict[str, None] = log.table()
        self._keys: dict[tuple[str, str], _Key] = log.table()
        self._waiting: dict[tuple[str, str, int], None] = log.table()
        self._dropped: dict[tuple[str, int], Dropped] = log.table()

    # Of a consumer

    def register(self, subscription: str) -> None:
        """Make a subscription known to `backlogs`."""
        with self._log.alone():
            self._subscriptions[subscription] = None

    def put(self, rows: Cursor[TupleRow], subscription: str, waiting: Sequence[tuple[str, int]]) -> None:
        """Have events (key and position) delivered: within the transaction that moves the subscription's checkpoint past them."""
        for key, position in waiting:
            self._keys.setdefault((subscription, key), _Key(self._clock()))
            self._waiting[subscription, key, position] = None

    def waiting(self, subscription: str, limit: int) -> int:
        """Events that are not delivered yet; counted up to a limit."""
        with self._log.alone():
            return min(limit, sum(of == subscription for of, _, _ in self._waiting))

    def claim(self, subscription: str, *, keys: int, events: int, lease: float) -> list[Claim]:
        """Claim up to `keys` keys that are due, for `lease` seconds, each with its first `events` events. Counts as an attempt."""
        id = uuid4()
        with self._log.alone():
            now = self._clock()
            due = sorted((row.due_at, key) for key, row in self._open(subscription) if row.due_at <= now)[:keys]
            for _, key in due:
                attempts = self._keys[subscription, key].attempts + 1
                self._change(subscription, key, claim=id, due_at=now + timedelta(seconds=lease), attempts=attempts)
            return [
                Claim(id, key, self._keys[subscription, key].attempts, self._positions(subscription, key)[:events])
                for _, key in due
            ]

    def next_due(self, subscription: str) -> float | None:
        """Seconds until a key is due, negative if one is; None if nothing waits."""
        with self._log.alone():
            due = [row.due_at for _, row in self._open(subscription)]
            return (min(due) - self._clock()).total_seconds() if due else None

    def extend(self, subscription: str, claims: Iterable[UUID], lease: float) -> None:
        """Keep claims for `lease` seconds from now on."""
        kept = set(claims)
        with self._log.alone():
            for key, row in self._open(subscription):
                if row.claim in kept:
                    self._change(subscription, key, due_at=self._clock() + timedelta(seconds=lease))

    def delivered(self, subscription: str, claim: Claim, upto: int) -> bool:
        """Take off the events of a claimed key up to a position, and let the key go. False, and nothing is done, if the claim was lost."""
        return self._settle(subscription, claim, upto, _Key(self._clock()))

    def failed(self, subscription: str, claim: Claim, upto: int, error: str, *, attempts: int, delay: float) -> bool:
        """The same, and try the next event again after `delay` seconds; it was tried `attempts` times."""
        due = self._clock() + timedelta(seconds=delay)
        return self._settle(subscription, claim, upto, _Key(due, None, attempts, error[:MAX_ERROR]))

    def park(self, subscription: str, claim: Claim, upto: int, error: str, *, attempts: int) -> bool:
        """The same, and hold the next event and what waits behind it until somebody looks."""
        now = self._clock()
        return self._settle(subscription, claim, upto, _Key(now, None, attempts, error[:MAX_ERROR], now))

    def _settle(self, subscription: str, claim: Claim, upto: int, left: _Key) -> bool:
        with self._log.alone():
            row = self._keys.get((subscription, claim.key))
            if row is None or row.claim != claim.id:
                return False
            self._keys[subscription, claim.key] = left
            self._done(subscription, claim.key, upto)
        return True

    # For people

    def backlogs(self) -> list[SubscriptionBacklog]:
        """Every subscription that ever ran."""
        with self._log.alone():
            return [self._backlog(name) for name in sorted(self._subscriptions)]

    def parked(self, subscription: str = "") -> list[Parked]:
        """What is parked, of one subscription or of all."""
        with self._log.alone():
            found = []
            for (of, key), row in self._keys.items():
                if row.parked_at is not None and subscription in ("", of):
                    first, *behind = self._positions(of, key)
                    found.append(Parked(of, key, first, row.attempts, row.error, row.parked_at, len(behind)))
        return sorted(found, key=lambda each: (each.subscription, each.position))

    def dropped(self, subscription: str = "") -> list[Dropped]:
        """What was dropped, of one subscription or of all."""
        with self._log.alone():
            return [each for (of, _), each in sorted(self._dropped.items()) if subscription in ("", of)]

    def retry(self, subscription: str, position: int) -> None:
        """Deliver a parked event, and what waits behind it, from now on. Raises ``NotParkedError``."""
        with self._log.alone():
            parked = self._parked_at(subscription, position)
            self._change(subscription, parked.key, parked_at=None, attempts=0, due_at=self._clock())

    def drop(self, subscription: str, position: int, reason: str) -> None:
        """Never deliver a parked event; what waits behind it goes on. Kept with the reason. Raises ``NotParkedError``."""
        with self._log.alone():
            parked = self._parked_at(subscription, position)
            dropped = Dropped(subscription, parked.key, position, parked.error, reason, self._clock())
            self._dropped[subscription, position] = dropped
            self.retry(subscription, position)
            self._done(subscription, parked.key, position)

    # Rows

    def _open(self, subscription: str) -> list[tuple[str, _Key]]:
        """Its keys that are not parked."""
        return [(key, row) for (of, key), row in self._keys.items() if of == subscription and row.parked_at is None]

    def _change(self, subscription: str, key: str, **changes: object) -> None:
        self._keys[subscription, key] = msgspec.structs.replace(self._keys[subscription, key], **changes)

    def _positions(self, subscription: str, key: str) -> list[int]:
        return sorted(position for of, its, position in self._waiting if (of, its) == (subscription, key))

    def _done(self, subscription: str, key: str, upto: int) -> None:
        for position in self._positions(subscription, key):
            if position <= upto:
                del self._waiting[subscription, key, position]
        if not self._positions(subscription, key):
            del self._keys[subscription, key]

    def _parked_at(self, subscription: str, position: int) -> Parked:
        for each in self.parked(subscription):
            if each.position == position:
                return each
        raise NotParkedError(subscription, position)

    def _backlog(self, name: str) -> SubscriptionBacklog:
        positions = [position for of, _, position in self._waiting if of == name]
        return SubscriptionBacklog(
            name=name,
            position=self._log.checkpoint(name),
            waiting=len(positions),
            retrying=sum(bool(row.error) for _, row in self._open(name)),
            parked=len(self.parked(name)),
            oldest=min(positions, default=None),
        )
