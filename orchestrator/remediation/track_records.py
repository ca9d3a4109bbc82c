"""How often each action was done before and helped: on any object, and on each object of its own. Rows of the planner."""

from __future__ import annotations

import msgspec

from aetherius.domain.plan import TrackRecord
from aetherius.domain.remediation import Proposed
from aetherius.readers.state_tables.table import StateTable
from aetherius.readers.unit import Unit


class RecordRow(msgspec.Struct):
    """A count. The key is an action, or an action and an object."""

    key: str
    done: int = 0
    helped: int = 0

    @property
    def told(self) -> TrackRecord:
        """For a plan."""
        return TrackRecord(done=self.done, helped=self.helped)


RecordTable = StateTable[str, RecordRow]


class TrackRecords:
    """Those of one batch: what was counted in it is seen by what comes later in it."""

    def __init__(self, unit: Unit, table: RecordTable) -> None:
        self._unit, self._table = unit, table
        self._known: dict[str, RecordRow] = {}

    def anywhere(self, proposal: Proposed) -> RecordRow:
        """Of the action."""
        return self._of(proposal.action)

    def here(self, proposal: Proposed) -> RecordRow:
        """Of the action on this object."""
        where = f"{proposal.cluster_id}/{proposal.namespace}/{proposal.kind}/{proposal.name}"
        return self._of(f"{proposal.action}/{where}")

    def count(self, proposal: Proposed, *, helped: bool) -> None:
        """One more."""
        for row in (self.anywhere(proposal), self.here(proposal)):
            row.done += 1
            row.helped += helped
            self._table.put(self._unit, row)

    def _of(self, key: str) -> RecordRow:
        if key not in self._known:
            self._known[key] = next(iter(self._table.of(self._unit, [key])), RecordRow(key))
        return self._known[key]
