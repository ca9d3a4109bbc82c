"""What subscriptions bring: each payload with its position, and whether it is live."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Self

import strawberry
from strawberry.scalars import JSON

from aetherius.graphql.following import Change
from aetherius.graphql.scalars import Position
from aetherius.graphql.time_travel import to_json
from aetherius.graphql.types.command import Command
from aetherius.graphql.types.event import Event
from aetherius.graphql.types.incident import Incident
from aetherius.graphql.types.node import Node
from aetherius.graphql.types.remediation import Remediation
from aetherius.graphql.types.workflow import Workflow

_LIVE = "False while the subscription catches up: it began farther back, or its client reads too slowly. Nothing is left out then."


@strawberry.type(description="A report, as it arrives.")
class EventArrived:
    """A payload of `events`."""

    node: ClassVar[type[Node]] = Event

    position: Position
    live: bool = strawberry.field(description=_LIVE)
    event: Event

    @classmethod
    def of(cls, change: Change[Any]) -> Self:
        """The payload of a report."""
        return cls(position=Position(change.position), live=change.live, event=_node(cls, change))


@strawberry.type(description="Reports that arrived together.")
class EventsArrived:
    """A payload of `eventPages`."""

    position: Position = strawberry.field(description="Of the last of them.")
    live: bool = strawberry.field(description=_LIVE)
    events: list[Event]


@strawberry.interface(description="A change of something, as it happens.")
class Changed:
    """What changes have in common; the thing itself is named by its kind."""

    node: ClassVar[type[Node]]

    position: Position
    live: bool = strawberry.field(description=_LIVE)
    type: str = strawberry.field(description="What happened: Incident.Opened.")
    occurred_at: datetime
    change: JSON = strawberry.field(description="The event that changed it.")

    @classmethod
    def of(cls, change: Change[Any]) -> Self:
        """The payload of a change."""
        recorded = change.recorded
        thing: Any = {cls.node.__name__.lower(): _node(cls, change)}
        return cls(
            position=Position(recorded.position),
            live=change.live,
            type=recorded.event.type_name,
            occurred_at=recorded.occurred_at,
            change=JSON(to_json(recorded.event)),
            **thing,
        )


@strawberry.type(description="A change of an incident, as it happens.")
class IncidentChanged(Changed):
    """A payload of `incidents`."""

    node = Incident
    incident: Incident = strawberry.field(description="The incident as this event left it.")


@strawberry.type(description="A change of a workflow, as it happens.")
class WorkflowChanged(Changed):
    """A payload of `workflow`."""

    node = Workflow
    workflow: Workflow = strawberry.field(description="The workflow as this event left it.")


@strawberry.type(description="A change of a command, as it happens.")
class CommandChanged(Changed):
    """A payload of `commands`."""

    node = Command
    command: Command = strawberry.field(description="The command as this event left it.")


@strawberry.type(description="A change of a remediation, as it happens.")
class RemediationChanged(Changed):
    """A payload of `remediations`."""

    node = Remediation
    remediation: Remediation = strawberry.field(description="The remediation as this event left it.")


Payload = EventArrived | Changed
"""What brings the changes of nodes of a kind."""


def _node(payload: Any, change: Change[Any]) -> Any:
    return payload.node.shown(change.row, change.position, change.position)
