"""The driver on a log in memory, with a way to look at what it keeps."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aetherius.domain.identity import stable_id
from aetherius.domain.workflow import events
from aetherius.domain.workflow.definition import Step
from aetherius.orchestrator import state_tables
from aetherius.orchestrator.workflow.driver import WorkflowDriver
from aetherius.readers.testing import ProcessCase
from sealed_state import KEYS, SEALING
from story_events import INCIDENT, WORKFLOW, begun, opened, started

COMMAND = stable_id("Command", WORKFLOW, "look", 1)
"""Of the first attempt of the step `look`."""


class DriverCase(ProcessCase):
    """Approvals are awaited for ten minutes."""

    def __init__(self) -> None:
        super().__init__(self._make, sealing=SEALING)

    def _make(self, log: Any, clock: Any) -> WorkflowDriver:
        self.tables = state_tables.in_memory(log).awaited
        return WorkflowDriver(clock, KEYS, self.tables, approval_timeout=600)

    def kept(self, table: str) -> list[Any]:
        """All rows of a table."""
        return getattr(self.tables, table).all()  # type: ignore[no-any-return]

    def given_running(self, *steps: Step, at: Step, work: UUID | None = None, **changes: Any) -> None:
        """A workflow of some steps has come to one of them, which runs."""
        self.given(INCIDENT, opened())
        self.given(WORKFLOW, started(*steps), *begun(at, work, **changes))


def scheduled(step: Step, **changes: Any) -> events.StepScheduled:
    """A step may run."""
    return events.StepScheduled(step_id=step.id, **changes)
