"""Keeps the log's workflow definitions those that this version runs."""

from __future__ import annotations

from contextlib import suppress

from aetherius.domain.aggregate import Aggregate
from aetherius.domain.event import Cause, Event
from aetherius.domain.workflow.definition import Published, WorkflowDefinition, definition_stream
from aetherius.event_store.errors import StreamNotFoundError, VersionConflictError
from aetherius.event_store.ports import Saves
from aetherius.orchestrator.workflow.definition_loader import dump
from aetherius.orchestrator.workflow.shipped import ShippedWorkflows
from aetherius.runtime.clock import utc_now
from aetherius.runtime.telemetry import new_traceparent

ACTOR = "system:orchestrator"


class PublishedDefinition(Aggregate):
    """The stream of a definition's versions."""

    stream = "WorkflowDefinition"
    definition: WorkflowDefinition | None = None

    def evolve(self, event: Event) -> None:
        """The latest one is in force."""
        if isinstance(event, Published):
            self.definition = event.definition


def publish(log: Saves, workflows: ShippedWorkflows) -> None:
    """Publish each definition that differs from the one in force. Safe to repeat, and from replicas that start together.

    Raises:
        LogUnavailableError: safe to repeat.
    """
    for name, text in workflows.sources.items():
        definition = workflows.definitions[name]
        stream = _current(log, definition.name)
        if stream.definition is None or dump(stream.definition) != dump(definition):
            stream.record(Published(definition=definition, source=text), utc_now())
            _save(log, stream)


def _current(log: Saves, name: str) -> PublishedDefinition:
    id = definition_stream(name)
    try:
        return log.load(PublishedDefinition, id)
    except StreamNotFoundError:
        return PublishedDefinition(id)


def _save(log: Saves, stream: PublishedDefinition) -> None:
    with suppress(VersionConflictError):  # another replica, with the same package, was first
        log.save(stream, Cause(actor=ACTOR, traceparent=new_traceparent()))
