"""Filters of the root lists and subscriptions: every condition that is given must hold; a list means any of these. Times: from `since` on, before `until`."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import strawberry

import aetherius.graphql.types.enums  # noqa: F401  # registers the enumerations
from aetherius.access.errors import InvalidArgumentError
from aetherius.domain.agent import AgentStatus
from aetherius.domain.command import CommandStatus
from aetherius.domain.incident import IncidentStatus
from aetherius.domain.remediation import RemediationStatus
from aetherius.domain.risk import RiskLevel
from aetherius.domain.wire.command import CommandType
from aetherius.domain.wire.event import Severity
from aetherius.domain.workflow.state import WorkflowStatus
from aetherius.graphql.moment import aware
from aetherius.graphql.types.enums import CauseCode, Symptom
from aetherius.projections.read_model import Filter

F = TypeVar("F", bound=Filter)
_MAX_TEXT = 500
_MAX_LIST = 100


@strawberry.input(name="AgentFilter")
class AgentsWanted:
    """Which agents."""

    cluster_id: str | None = None
    agent_id: str | None = None
    status: list[AgentStatus] | None = None


@strawberry.input(name="ClusterFilter")
class ClustersWanted:
    """Which clusters."""

    cluster_id: str | None = None


@strawberry.input(name="EventFilter")
class EventsWanted:
    """Which reports."""

    cluster_id: str | None = None
    namespace: str | None = None
    severity: list[Severity] | None = None
    reason: list[str] | None = None
    kind: str | None = None
    name: str | None = None
    node: str | None = None
    occurred_at_since: datetime | None = None
    occurred_at_until: datetime | None = None


@strawberry.input(name="IncidentFilter")
class IncidentsWanted:
    """Which incidents."""

    cluster_id: str | None = None
    namespace: str | None = None
    kind: str | None = None
    name: str | None = None
    status: list[IncidentStatus] | None = None
    severity: list[Severity] | None = None
    symptom: list[str] | None = strawberry.field(default=None, graphql_type=list[Symptom] | None)
    root_cause: list[str] | None = strawberry.field(default=None, graphql_type=list[CauseCode] | None)
    opened_at_since: datetime | None = None
    opened_at_until: datetime | None = None


@strawberry.input(name="CommandFilter")
class CommandsWanted:
    """Which commands."""

    cluster_id: str | None = None
    namespace: str | None = None
    status: list[CommandStatus] | None = None
    type: CommandType | None = None
    tool: str | None = None
    action: str | None = None
    workflow_id: UUID | None = None
    remediation_id: UUID | None = None
    issued_at_since: datetime | None = None
    issued_at_until: datetime | None = None


@strawberry.input(name="WorkflowFilter")
class WorkflowsWanted:
    """Which workflows."""

    cluster_id: str | None = None
    namespace: str | None = None
    incident_id: UUID | None = None
    name: str | None = None
    strategy: str | None = None
    status: list[WorkflowStatus] | None = None
    started_at_since: datetime | None = None
    started_at_until: datetime | None = None


@strawberry.input(name="RemediationFilter")
class RemediationsWanted:
    """Which remediations."""

    cluster_id: str | None = None
    namespace: str | None = None
    incident_id: UUID | None = None
    workflow_id: UUID | None = None
    action: list[str] | None = None
    status: list[RemediationStatus] | None = None
    risk: list[RiskLevel] | None = None
    proposed_at_since: datetime | None = None
    proposed_at_until: datetime | None = None


def as_filter(kind: type[F], wanted: Any) -> F:
    """The read model's filter for what a client wants (None: everything).

    Raises:
        InvalidArgumentError: a value is too long, or a time has no zone.
    """
    if wanted is None:
        return kind()
    return kind(**{field.name: _checked(field.name, getattr(wanted, field.name)) for field in fields(wanted)})


def _checked(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return aware(value, f"filter.{name}")
    if isinstance(value, str) and (len(value) > _MAX_TEXT or "\0" in value):
        raise InvalidArgumentError(f"filter.{name}", f"is longer than {_MAX_TEXT} characters, or has a NUL in it")
    if isinstance(value, list):
        if len(value) > _MAX_LIST:
            raise InvalidArgumentError(f"filter.{name}", f"has more than {_MAX_LIST} values")
        return [_checked(name, each) for each in value]
    return value
