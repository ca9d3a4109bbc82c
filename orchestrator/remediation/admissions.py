"""The repairs that the brake counts: those that wait, are under way, or ended lately. Rows of the remediation process, read once a batch, and only if it needs them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from aetherius.domain.brake import Admission
from aetherius.readers.state_tables.table import StateTable
from aetherius.readers.unit import Unit

AdmissionTable = StateTable[UUID, Admission]


class Admissions:
    """All of them as this batch has them so far."""

    def __init__(self, unit: Unit, table: AdmissionTable) -> None:
        self._unit, self._table = unit, table
        self._found: dict[UUID, Admission] | None = None

    @property
    def all(self) -> Collection[Admission]:
        """In the order in which they were approved."""
        return sorted(self._rows.values(), key=lambda each: (each.approved_at, str(each.remediation_id)))

    def of(self, remediation_id: UUID) -> Admission | None:
        """The one of a remediation, if it was ever asked for."""
        return self._rows.get(remediation_id)

    def keep(self, admission: Admission) -> None:
        """As it is now."""
        self._rows[admission.remediation_id] = admission
        self._table.put(self._unit, admission)

    def begin(self, admission: Admission, now: datetime) -> None:
        """It is under way."""
        self.keep(replace(admission, begun_at=now))

    def forget(self, remediation_id: UUID) -> bool:
        """As if it had never been asked for; whether it counted until now."""
        found = self._rows.pop(remediation_id, None)
        if found is not None:
            self._table.drop(self._unit, remediation_id)
        return found is not None and found.under_way

    def end(self, remediation_id: UUID, now: datetime) -> bool:
        """It is over; whether it counted until now. Who ended so long ago that nothing counts them is forgotten with it."""
        found = self.of(remediation_id)
        if found is None or found.ended_at is not None:
            return False
        self.keep(replace(found, ended_at=now))
        for each in [each for each in self._rows.values() if each.forgotten(now)]:
            del self._rows[each.remediation_id]
            self._table.drop(self._unit, each.remediation_id)
        return True

    @property
    def _rows(self) -> dict[UUID, Admission]:
        if self._found is None:
            self._found = {each.remediation_id: each for each in self._table.every(self._unit)}
        return self._found
