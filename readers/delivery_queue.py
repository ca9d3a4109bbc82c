"""The part of the waiting deliveries that a consumer uses (``deliveries.Deliveries``): put, claim, settle. What each promises is told there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.readers.deliveries import Claim, Parked


class DeliveryQueue(Protocol):
    """Every method may raise ``LogUnavailableError``, and may be repeated then. `tests/contracts/deliveries/` holds every one to it."""

    def register(self, subscription: str) -> None:
        """Make a subscription known."""

    def put(self, rows: Cursor[TupleRow], subscription: str, waiting: Sequence[tuple[str, int]]) -> None:
        """Have events (key and position) delivered: within the transaction that moves the subscription's checkpoint past them."""

    def waiting(self, subscription: str, limit: int) -> int:
        """Events that are not delivered yet; counted up to a limit."""

    def parked(self, subscription: str = "") -> list[Parked]:
        """What is parked, of one subscription or of all."""

    def claim(self, subscription: str, *, keys: int, events: int, lease: float) -> list[Claim]:
        """Claim keys that are due, for `lease` seconds, each with its first events."""

    def next_due(self, subscription: str) -> float | None:
        """Seconds until a key is due, negative if one is; None if nothing waits."""

    def extend(self, subscription: str, claims: Iterable[UUID], lease: float) -> None:
        """Keep claims for `lease` seconds from now on."""

    def delivered(self, subscription: str, claim: Claim, upto: int) -> bool:
        """Take off the events of a claimed key up to a position, and let the key go. False if the claim was lost."""

    def failed(self, subscription: str, claim: Claim, upto: int, error: str, *, attempts: int, delay: float) -> bool:
        """The same, and try the next event again after `delay` seconds."""

    def park(self, subscription: str, claim: Claim, upto: int, error: str, *, attempts: int) -> bool:
        """The same, and hold the next event and what waits behind it until somebody looks."""
