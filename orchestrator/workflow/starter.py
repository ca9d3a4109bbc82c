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
from aetherius.domain.workflow.events import Completed, Started, Target
from aetherius.domain.workflow.workflow import Start, Workflow
from aetherius.orchestrator.workflow.shipped import ShippedWorkflows
from aetherius.orchestrator.workflow.unseen_signs import unseen_sign
from aetherius.readers.unit import Unit

ACTOR = "system:starter"


class StrategySelection(Aggregate):
    """The stream that keeps one choice of a strategy."""

    stream = "Strategy"

    def evolve(self, event: Event) -> None:
        """A choice has no further state."""


def workflow_of(incident: Incident) -> UUID:
    """Stream of the workflow that an incident has: one, and one more each time it is reopened, or looked into once more."""
    return _workflow(incident.id, incident.reopened, incident.looks)


def workflow_at(unit: Unit, recorded: Recorded) -> UUID:
    """Stream of the workflow that an incident had when this event of it was written; it may have been reopened since."""
    before = Incident.replay(
        recorded.stream_id,
        [each.event for each in unit.history(recorded.stream_id) if each.version < recorded.version],
    )
    return workflow_of(before)


def _workflow(incident_id: UUID, reopened: int, looks: int) -> UUID:
    again = (looks,) if looks else ()
    return stable_id("Workflow", incident_id, reopened, *again)


class WorkflowStarter:
    """Incidents in, started workflows out."""

    name = "workflow_starter"

    def __init__(self, workflows: ShippedWorkflows, clock: Callable[[], datetime]) -> None:
        self._workflows = workflows
        self._clock = clock

    @property
    def topics(self) -> Sequence[str]:
        """Whatever brings an incident a reason, and the ends of workflows: a sign may have come too late for one."""
        return topics_of((Opened, EventsCorrelated, Reopened, Completed))

    def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
        """Start what is triggered."""
        for recorded in batch:
            incident = _incident(recorded, unit)
            if incident is None or not incident.active or not incident.symptom:
                continue
            if found := self._workflows.strategy_for(incident.symptom):
                strategy, definition = found
                reason = next((each for each in _reasons(recorded.event) if _starts(each, recorded, definition)), None)
                reason = self._doubt(recorded, incident, unit) or reason
                if reason:
                    self._start(recorded, incident, strategy, definition, reason, unit)

    def _doubt(self, recorded: Recorded, incident: Incident, unit: Unit) -> str:
        """The reason of a telling sign that the last analysis had not seen; the incident is looked into once more for it."""
        reason = unseen_sign(unit, incident, self._workflows.telling(incident.symptom or ""), workflow_of(incident))
        if reason and incident.doubt(reason, self._clock()):
            unit.save(incident, recorded.cause.then(ACTOR, recorded.id))
            return reason
        return ""

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


def _incident(recorded: Recorded, unit: Unit) -> Incident | None:
    """The event's own, or the one that a workflow was for."""
    if not isinstance(recorded.event, Completed):
        return unit.get(Incident, recorded.stream_id)
    started = unit.get(Workflow, recorded.stream_id).state.started
    return unit.get(Incident, started.incident_id) if started else None


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
