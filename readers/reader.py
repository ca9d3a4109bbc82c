"""What can read the log in batches: a projector (events to rows) and a process manager (events to further events),
and an exporter (events to a store that is not ours).

A reader is plain and synchronous: it opens no connection, knows no checkpoint and no other reader. Its runner (`runner.py`) gives it the next events
in log order and commits what came of them, and the checkpoint, in one transaction. A batch may be offered again after a failure or a lost race:
then nothing of the first time was kept, so a reader holds no state of its own between batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.domain.event import Recorded
from aetherius.readers.unit import Unit


@runtime_checkable
class Projector(Protocol):
    """Folds events into rows. No clock, no network, no table but its own: reading from position 0 again gives the same rows."""

    @property
    def name(self) -> str:
        """Names its checkpoint and its tables: never rename."""

    @property
    def topics(self) -> Sequence[str]:
        """The topics it reads (`domain.event.topics_of`); empty for all."""

    def apply(self, batch: Sequence[Recorded], rows: Cursor[TupleRow]) -> None:
        """Write what the events change, inside the transaction that moves the checkpoint. Must not commit."""


@runtime_checkable
class ProcessManager(Protocol):
    """Reacts to events by deciding further ones. Any exception but an ``InfrastructureError`` marks the event as poison."""

    @property
    def name(self) -> str:
        """Names its checkpoint: never rename."""

    @property
    def topics(self) -> Sequence[str]:
        """The topics it reads (`domain.event.topics_of`); empty for all."""

    def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
        """Change aggregates taken from `unit` and save them there. Called in a thread; may be called again for the same events."""


@runtime_checkable
class Exporter(Protocol):
    """Carries events to a store that takes no part in our transactions. It may be given events again, and must make repeats harmless."""

    @property
    def name(self) -> str:
        """Names its checkpoint: never rename."""

    @property
    def topics(self) -> Sequence[str]:
        """The topics it reads (`domain.event.topics_of`); empty for all."""

    def export(self, batch: Sequence[Recorded], upto: int) -> Callable[[Cursor[TupleRow]], None]:
        """Return once the events up to position `upto` are stored for good. What it returns is called inside the transaction that moves the checkpoint, and must not commit.

        Raises:
            InfrastructureError: the store is away; the batch is done again, as often as it takes. Any other exception marks an event as poison.
        """
