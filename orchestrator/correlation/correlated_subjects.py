"""The correlator's memory: which incident each subject has, and what of it fails. Written in the transaction that moves its checkpoint."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from aetherius.readers.state_tables.table import StateTable
from aetherius.readers.unit import Unit


class CorrelatedSubject(msgspec.Struct):
    """The latest incident of a subject; `resolved_at` when that is over; `failing` are the pods (or the node) not yet well again."""

    key: str
    incident_id: UUID
    failing: set[str] = set()
    resolved_at: datetime | None = None
    last_sign: datetime | None = None
    """When the latest sign was seen, by the cluster's time."""


SubjectTable = StateTable[str, CorrelatedSubject]


class CorrelatedSubjects:
    """Those of one batch: read once, changed in memory, stored at its end."""

    def __init__(self, unit: Unit, table: SubjectTable, keys: Iterable[str]) -> None:
        self._unit, self._table = unit, table
        self._known = {subject.key: subject for subject in table.of(unit, keys)}
        self._changed: dict[str, CorrelatedSubject] = {}

    def get(self, key: str) -> CorrelatedSubject | None:
        """The subject, if it ever had an incident."""
        return self._known.get(key)

    def put(self, subject: CorrelatedSubject) -> None:
        """Keep a new or changed subject."""
        self._known[subject.key] = self._changed[subject.key] = subject

    def store(self) -> None:
        """Write what changed, with the unit."""
        self._table.put(self._unit, *self._changed.values())
