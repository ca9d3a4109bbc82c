"""A workflow definition: steps in order, as data. Loading it from YAML, with lines and columns in the errors, is the orchestrator's work."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec

from aetherius.domain.event import Event
from aetherius.domain.identity import stable_id

ANY: Final = "*"
"""Among triggers: whatever the reason is."""
AGAIN: Final = "again:"
"""Before a trigger: not as the first sign."""


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """How often a step is tried, and the seconds before the second try (doubled for each further one, up to an hour)."""

    max_attempts: int = 1
    backoff: float = 1.0


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """A CEL expression, and what follows if it holds: a step's id, or what a repair is called (`Repair.choice` in `domain/repair/`)."""

    expression: str
    then: str


class CommandStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="command"):
    """Run a command on the incident's cluster."""

    id: str
    tool: str
    action: str
    args: list[str] = []
    parameters: dict[str, Any] = {}
    timeout: float = 30.0
    retry: Retry = Retry()


class ReasoningStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="ai_reasoning"):
    """Ask the reasoner, with the outputs of the named steps as evidence."""

    id: str
    input: list[str]
    timeout: float = 30.0
    retry: Retry = Retry()


class DecisionStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="decision"):
    """The first condition that holds wins."""

    id: str
    conditions: list[Condition]
    timeout: float = 30.0
    retry: Retry = Retry()


class ActionStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="action"):
    """`apply_fix`: propose the chosen remediation and see it through."""

    id: str
    action: str
    timeout: float = 3600.0
    retry: Retry = Retry()


class WaitStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="wait"):
    """Let time pass: `duration` is seconds, or the name of a parameter of the workflow."""

    id: str
    duration: float | str
    timeout: float = 86_400.0
    retry: Retry = Retry()


Step = CommandStep | ReasoningStep | DecisionStep | ActionStep | WaitStep


class WorkflowDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """Steps in order, what starts them, and the parameters with their defaults (durations as `5s`)."""

    name: str
    triggers: list[str]
    """Reasons of events that start it; `*` is any reason that is a sign of its trouble, `again:X` an X that is not the first sign of it."""
    steps: list[Step]
    parameters: dict[str, str] = {}

    def starts_with(self, reason: str, *, again: bool = False) -> bool:
        """Whether a sign of this reason starts it; `again`: it is not the first sign of its trouble."""
        known = self.triggers
        return reason in known or ANY in known or (again and AGAIN + reason in known)

    def index_of(self, step_id: str) -> int | None:
        """Place of a step in the order, None for a name that is no step."""
        return next((i for i, step in enumerate(self.steps) if step.id == step_id), None)

    def has_step(self, name: str) -> bool:
        """Whether a name is a step's; otherwise it is the choice of a repair (no step may be called like one)."""
        return self.index_of(name) is not None


class Published(Event, stream="WorkflowDefinition", frozen=True, kw_only=True):
    """A definition is in force from here on."""

    definition: WorkflowDefinition
    source: str
    """The YAML as it was given."""


class Retired(Event, stream="WorkflowDefinition", frozen=True, kw_only=True):
    """A definition starts no more workflows."""

    name: str


def definition_stream(name: str) -> UUID:
    """Stream of the definitions of this name."""
    return stable_id("WorkflowDefinition", name)
