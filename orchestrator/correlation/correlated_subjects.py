"""The correlator's memory: which incident each subject has, and what of it fails. Written in the transaction that moves its checkpoint."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.orchestrator.statements import statement
from aetherius.readers.unit import Unit


@dataclass
class CorrelatedSubject:
    """The latest incident of a subject; `resolved_at` when that is over; `failing` are the pods (or the node) not yet well again."""

    key: str
    incident_id: UUID
    failing: set[str] = field(default_factory=set)
    resolved_at: datetime | None = None
    last_sign: datetime | None = None
    """When the latest sign was seen, by the cluster's time."""


class CorrelatedSubjects:
    """Those of one batch: read once, changed in memory, written with the unit."""

    def __init__(self, unit: Unit, keys: Iterable[str]) -> None:
        rows = unit.select(statement("select_correlated_subjects"), (sorted(set(keys)),))
        self._known = {row[0]: CorrelatedSubject(row[0], row[1], set(row[2]), *row[3:]) for row in rows}
        self._changed: set[str] = set()
        unit.rows(self._write)

    def get(self, key: str) -> CorrelatedSubject | None:
        """The subject, if it ever had an incident."""
        return self._known.get(key)

    def put(self, subject: CorrelatedSubject) -> None:
        """Keep a new or changed subject."""
        self._known[subject.key] = subject
        self._changed.add(subject.key)

    def _write(self, cursor: Cursor[TupleRow]) -> None:
        if self._changed:
            changed = [self._known[key] for key in sorted(self._changed)]
            cursor.executemany(
                statement("upsert_correlated_subject"),
                [
                    (each.key, each.incident_id, sorted(each.failing), each.resolved_at, each.last_sign)
                    for each in changed
                ],
            )
