"""The starter: an incident with a reason that a workflow waits for gets that workflow, once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from aetherius.domain.aggregate import Aggregate
from aetherius.domain.event import Event, Recorded, topics_of
from aetherius.domain.identity import stable_id
from aetherius.domain.incident import EventsCorrelated, Incident, Opened, Reopened
from aetherius.domain.strategy import Selected, Strategy
from aetherius.domain.workflow.definition import WorkflowDefinition
from aetherius.domain.workflow.events import Started, Target
from aetherius.domain.workflow.workflow import Start, Workflow
from aetherius.orchestrator.workflow.shipped import ShippedWorkflows
from aetherius.readers.unit import Unit

ACTOR = "system:starter"


class StrategySelection(Aggregate):
    """The stream that keeps one choice of a strategy."""

    stream = "Strategy"

    def evolve(self, event: Event) -> None:
        """A choice has no further state."""


def workflow_of(incident: Incident) -> UUID:
    """Stream of the workflow that an incident has: one, and one more each time it is reopened."""
    return stable_id("Workflow", incident.id, incident.reopened)


def workflow_at(unit: Unit, recorded: Recorded) -> UUID:
    """Stream of the workflow that an incident had when this event of it was written; it may have been reopened since."""
    before = (each.event for each in unit.history(recorded.stream_id) if each.version < recorded.version)
    return stable_id("Workflow", recorded.stream_id, sum(isinstance(event, Reopened) for event in before))


class WorkflowStarter:
    """Incidents in, started workflows out."""

    name = "workflow_starter"

    def __init__(self, workflows: ShippedWorkflows, clock: Callable[[], datetime]) -> None:
        self._workflows = workflows
        self._clock = clock

    @property
    def topics(self) -> Sequence[str]:
        """Whatever brings an incident a reason."""
        return topics_of((Opened, EventsCorrelated, Reopened))

    def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
        """Start what is triggered."""
        for recorded in batch:
            incident = unit.get(Incident, recorded.stream_id)
            if incident.active and incident.symptom and (found := self._workflows.strategy_for(incident.symptom)):
                strategy, definition = found
                reason = next((each for each in _reasons(recorded.event) if _starts(each, recorded, definition)), None)
                if reason:
                    self._start(recorded, incident, strategy, definition, reason, unit)

    def _start(
        self,
        recorded: Recorded,
        incident: Incident,
        strategy: Strategy,
        definition: WorkflowDefinition,
        reason: str,
        unit: Unit,
    ) -> None:
        workflow = unit.get(Workflow, workflow_of(incident))
        if workflow.version:
            return
        now, cause = self._clock(), recorded.cause.then(ACTOR, recorded.id)
        selection = unit.get(StrategySelection, stable_id("StrategySelection", workflow.id))
        selection.record(
            Selected(
                incident_id=incident.id,
                workflow_id=workflow.id,
                strategy=strategy.id,
                workflow=definition.name,
                because=f"{incident.symptom} with {reason}: {strategy.about}",
            ),
            now,
        )
        unit.save(selection, cause)
        started = Started(
            incident_id=incident.id,
            definition=definition,
            target=_target(incident),
            strategy=strategy.id,
            parameters=definition.parameters,
            trigger=reason,
        )
        workflow.handle(Start(started=started), now)
        unit.save(workflow, cause)


def _starts(reason: str, recorded: Recorded, definition: WorkflowDefinition) -> bool:
    return definition.starts_with(reason, again=not isinstance(recorded.event, Opened))


def _reasons(event: Event) -> list[str]:
    match event:
        case Opened() | Reopened():
            return [event.reason]
        case EventsCorrelated():
            return event.reasons
        case _:
            return []


def _target(incident: Incident) -> Target:
    opened = incident.opened
    assert opened is not None, "an active incident was opened"
    pod = next(reversed(incident.pods), "")
    return Target(
        cluster_id=opened.cluster_id,
        namespace=opened.namespace,
        kind=opened.kind,
        name=opened.name,
        pod=pod,
        container=opened.container if pod == opened.pod else "",
    )
