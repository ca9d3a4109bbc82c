"""What a root list was asked for, checked: the same for its resolver and for its compiled statement."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from aetherius.access.errors import InvalidArgumentError
from aetherius.graphql.context import Context
from aetherius.graphql.filters import as_filter
from aetherius.graphql.moment import AsOf, EventsAsOf, occurred_of, position_of
from aetherius.graphql.types.command import Command
from aetherius.graphql.types.event import Event
from aetherius.graphql.types.fleet import Agent, Cluster
from aetherius.graphql.types.freeze import Freeze
from aetherius.graphql.types.incident import Incident
from aetherius.graphql.types.node import Node
from aetherius.graphql.types.remediation import Remediation
from aetherius.graphql.types.workflow import Workflow
from aetherius.projections.agents import AgentFilter
from aetherius.projections.clusters import ClusterFilter
from aetherius.projections.commands import CommandFilter
from aetherius.projections.errors import InvalidCursorError
from aetherius.projections.events import EventFilter
from aetherius.projections.freezes import FreezeFilter
from aetherius.projections.incidents import IncidentFilter
from aetherius.projections.queries import MAX_PAGE
from aetherius.projections.read_model import Filter, ReadModel
from aetherius.projections.remediations import RemediationFilter
from aetherius.projections.workflows import WorkflowFilter

FILTERS: Final[dict[type[Node], type[Filter]]] = {
    Agent: AgentFilter,
    Cluster: ClusterFilter,
    Event: EventFilter,
    Incident: IncidentFilter,
    Command: CommandFilter,
    Workflow: WorkflowFilter,
    Remediation: RemediationFilter,
    Freeze: FreezeFilter,
}
"""Nodes that have a root list, and what the list can be filtered by."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list, as asked for."""

    model: ReadModel[Any]
    filter: Filter
    first: int
    """Rows, 1 to `MAX_PAGE`."""
    before: int | None
    """Position before which they were made, where a page before ended."""
    as_of: int | None
    """Position that they are of; None: now."""
    occurred: datetime | None
    """The moment, in the time of what happened, that observations are of."""


async def listing(
    context: Context, kind: type[Node], filter: Any, first: int, after: str | None, as_of: AsOf | EventsAsOf | None
) -> Listing:
    """The arguments of a list of nodes of a kind, checked.

    Raises:
        InvalidArgumentError: one breaks a rule.
        InvalidCursorError: `after` is not a cursor of this list.
    """
    position = await position_of(context, as_of)
    wanted = as_filter(FILTERS[kind], filter)
    occurred = await occurred_of(context, as_of)
    if not 1 <= first <= MAX_PAGE:
        raise InvalidArgumentError("first", f"must be from 1 to {MAX_PAGE}")
    before = None if after is None else _place(after, kind.model.name)
    return Listing(kind.model, wanted, first, before, position, occurred)


def cursor(model: str, created: int) -> str:
    """The cursor of a row."""
    return base64.urlsafe_b64encode(f"{model}:{created}".encode()).decode().rstrip("=")


def _place(cursor: str, model: str) -> int:
    try:
        name, _, created = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
        if name == model and created.isdecimal() and created.isascii():
            return min(int(created), 2**63 - 1)
    except (binascii.Error, ValueError):
        pass
    raise InvalidCursorError(cursor, model)
