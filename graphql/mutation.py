"""The mutations of the schema: few and thin. Each lets an aggregate decide, and appends what it decided in the name of the user."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import strawberry

from aetherius.access.errors import InvalidArgumentError
from aetherius.access.json_door import checked_text
from aetherius.access.moment import aware
from aetherius.domain.aggregate import Aggregate
from aetherius.domain.cluster import Cluster as ClusterAggregate
from aetherius.domain.cluster import Repairs
from aetherius.domain.command import Command as CommandAggregate
from aetherius.domain.command import Issued
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.event import Cause
from aetherius.domain.freeze import Freeze as FreezeAggregate
from aetherius.domain.freeze import Scope, freeze_stream
from aetherius.domain.identity import cluster_stream
from aetherius.domain.incident import Incident as IncidentAggregate
from aetherius.domain.remediation import Remediation as RemediationAggregate
from aetherius.domain.wire.command import MAX_TIMEOUT, CommandType, parse_duration
from aetherius.domain.workflow.workflow import Cancel, Pause, Resume
from aetherius.domain.workflow.workflow import Workflow as WorkflowAggregate
from aetherius.event_store.change import begin_or_change, change
from aetherius.event_store.log import Log
from aetherius.graphql.context import Info
from aetherius.graphql.scalars import Position
from aetherius.graphql.time_travel import kind_of
from aetherius.graphql.types.command import Command
from aetherius.graphql.types.fleet import Cluster
from aetherius.graphql.types.freeze import Freeze
from aetherius.graphql.types.incident import Incident
from aetherius.graphql.types.node import Node, parse_id
from aetherius.graphql.types.remediation import Remediation
from aetherius.graphql.types.workflow import Workflow

A = TypeVar("A", bound=Aggregate)
_MAX_TEXT = 2000
_MAX_ARGS = 50
_MAX_ARG = 1000
_PICKUP_GRACE = timedelta(seconds=60)
"""How long an order may wait for its agent beyond its own timeout."""


@strawberry.type(description="What a decision led to.")
class Decided:
    """Where the decision stands."""

    position: Position = strawberry.field(description="The log's position up to which the decision is stored.")
    stream_id: UUID
    kind: strawberry.Private[type[Node]]

    @strawberry.field(description="The thing as of the decision; waits until the read model has it.")
    async def node(self, info: Info) -> Node | None:
        """From the read model."""
        return await self.kind.find(info, self.stream_id, self.position)


@strawberry.input(description="A diagnostic command. Which tools and arguments are allowed is the agent's policy.")
class CommandOrder:
    """What to run, and where."""

    cluster_id: str
    tool: str
    action: str
    args: list[str] = strawberry.field(default_factory=list)
    namespace: str = ""
    node: str = strawberry.field(default="", description="For host tools.")
    timeout: str = strawberry.field(default="30s", description="As 500ms, 30s or 5m.")
    id: UUID | None = strawberry.field(
        default=None, description="Choose the command's id to make a repeat harmless: it is refused as issued already."
    )


@strawberry.input(description="What a freeze covers: what has all that is given; empty, everything.")
class FreezeScope:
    """A scope."""

    cluster_id: str = ""
    namespace: str = ""
    environment: str = strawberry.field(default="", description="Value of a cluster's label `environment`.")

    def checked(self) -> Scope:
        """Raises ``InvalidArgumentError``."""
        return Scope(
            cluster_id=_text(self.cluster_id, "scope.clusterId", limit=253),
            namespace=_text(self.namespace, "scope.namespace", limit=253),
            environment=_text(self.environment, "scope.environment", limit=253),
        )


@strawberry.type
class Mutation:
    """What can be decided, by operators."""

    @strawberry.mutation(
        description="Say yes to a remediation that waits for approval, as its plan says: `planDigest` is `plan.digest`, and is left out only where it has none."
    )
    async def approve_remediation(
        self, info: Info, id: strawberry.ID, plan_digest: str = "", comment: str = ""
    ) -> Decided:
        """Refused if nobody asked, it was answered, or the plan is another one (PLAN_CHANGED)."""
        text, digest = _text(comment, "comment"), _text(plan_digest, "planDigest", limit=64)
        return await _decide(
            info,
            Remediation,
            RemediationAggregate,
            id,
            lambda remediation, by, at: remediation.approve(by, text, at, digest),
        )

    @strawberry.mutation(description="Say no to a remediation that waits for approval; nothing is changed.")
    async def reject_remediation(self, info: Info, id: strawberry.ID, reason: str) -> Decided:
        """Refused if it was answered."""
        text = _text(reason, "reason", required=True)
        return await _decide(
            info, Remediation, RemediationAggregate, id, lambda remediation, by, at: remediation.reject(by, text, at)
        )

    @strawberry.mutation(description="Take note of an incident.")
    async def acknowledge_incident(self, info: Info, id: strawberry.ID) -> Decided:
        """Refused when it is over."""
        return await _decide(
            info, Incident, IncidentAggregate, id, lambda incident, by, at: incident.acknowledge(by, at)
        )

    @strawberry.mutation(description="Begin nothing new; what runs, runs on.")
    async def pause_workflow(self, info: Info, id: strawberry.ID) -> Decided:
        """Refused unless it runs."""
        return await _decide(
            info, Workflow, WorkflowAggregate, id, lambda workflow, by, at: workflow.handle(Pause(by=by), at)
        )

    @strawberry.mutation(description="Go on with a paused workflow.")
    async def resume_workflow(self, info: Info, id: strawberry.ID) -> Decided:
        """Refused unless it is paused."""
        return await _decide(
            info, Workflow, WorkflowAggregate, id, lambda workflow, by, at: workflow.handle(Resume(by=by), at)
        )

    @strawberry.mutation(description="End a workflow here.")
    async def cancel_workflow(self, info: Info, id: strawberry.ID, reason: str) -> Decided:
        """Refused when it has ended."""
        text = _text(reason, "reason", required=True)
        return await _decide(
            info,
            Workflow,
            WorkflowAggregate,
            id,
            lambda workflow, by, at: workflow.handle(Cancel(by=by, reason=text), at),
        )

    @strawberry.mutation(
        description="Have nothing changed in a scope, until `until` or until it is lifted; what is under way there is called back. An empty scope is everything."
    )
    async def set_freeze(self, info: Info, scope: FreezeScope, reason: str, until: datetime | None = None) -> Decided:
        """A later one of the same scope takes the place of the one before."""
        covered, why = scope.checked(), _text(reason, "reason", required=True)
        end = None if until is None else aware(until, "until")
        return await _decide_freeze(info, covered, lambda freeze, by, at: freeze.set(covered, why, by, end, at))

    @strawberry.mutation(description="Allow changes in a scope again.")
    async def lift_freeze(self, info: Info, scope: FreezeScope, reason: str = "") -> Decided:
        """Refused if nothing is frozen there."""
        why = _text(reason, "reason")
        return await _decide_freeze(info, scope.checked(), lambda freeze, by, at: freeze.lift(by, why, at))

    @strawberry.mutation(description="Say whether a cluster may be changed, or repairs are tried only.")
    async def set_repairs(self, info: Info, cluster_id: str, repairs: Repairs, reason: str = "") -> Decided:
        """Refused for a cluster that nobody registered."""
        user, now, why = info.context.operator("setRepairs"), datetime.now(UTC), _text(reason, "reason")
        id = cluster_stream(_text(cluster_id, "clusterId", required=True, limit=253))

        def decide(cluster: ClusterAggregate) -> None:
            cluster.set_repairs(repairs, user.actor, why, now)

        position = await info.context.blocking(change, info.context.log, ClusterAggregate, id, user.actor, decide)
        return Decided(position=Position(position), stream_id=id, kind=Cluster)

    @strawberry.mutation(description="Order a diagnostic command: it reads, and changes nothing.")
    async def issue_command(self, info: Info, order: CommandOrder) -> Decided:
        """Refused for a cluster that nobody registered."""
        user, now = info.context.operator("issueCommand"), datetime.now(UTC)
        command, issued = CommandAggregate(order.id or uuid4()), _issued(order, user.actor, now)
        position = await info.context.blocking(_issue, info.context.log, command, issued, user.actor, now)
        return Decided(position=Position(position), stream_id=command.id, kind=Command)


async def _decide(
    info: Info, kind: type[Node], cls: type[A], id: str, decision: Callable[[A, str, datetime], Any]
) -> Decided:
    user, now = info.context.operator(info.field_name), datetime.now(UTC)
    type_name, stream_id = parse_id(id)
    if type_name not in (None, kind.__name__):
        raise InvalidArgumentError("id", f"is the id of a {type_name}, not of a {kind.__name__}")
    position = await info.context.blocking(
        change, info.context.log, cls, stream_id, user.actor, lambda aggregate: decision(aggregate, user.actor, now)
    )
    return Decided(position=Position(position), stream_id=stream_id, kind=kind)


async def _decide_freeze(
    info: Info, scope: Scope, decision: Callable[[FreezeAggregate, str, datetime], Any]
) -> Decided:
    user, now, id = info.context.operator(info.field_name), datetime.now(UTC), freeze_stream(scope)

    def decide(freeze: FreezeAggregate) -> None:
        decision(freeze, user.actor, now)

    position = await info.context.blocking(begin_or_change, info.context.log, FreezeAggregate, id, user.actor, decide)
    return Decided(position=Position(position), stream_id=id, kind=Freeze)


def _issued(order: CommandOrder, actor: str, now: datetime) -> Issued:
    timeout = _timeout(order.timeout)
    if len(order.args) > _MAX_ARGS:
        raise InvalidArgumentError("order.args", f"has more than {_MAX_ARGS} values")
    return Issued(
        cluster_id=_text(order.cluster_id, "order.clusterId", required=True, limit=253),
        type=CommandType.DIAGNOSTIC,
        tool=_text(order.tool, "order.tool", required=True, limit=253),
        action=_text(order.action, "order.action", required=True, limit=253),
        args=[_text(arg, "order.args", limit=_MAX_ARG) for arg in order.args],
        namespace=_text(order.namespace, "order.namespace", limit=253),
        node=_text(order.node, "order.node", limit=253),
        timeout=order.timeout,
        issued_by=actor,
        expires_at=now + timeout + _PICKUP_GRACE,
    )


def _issue(log: Log, command: CommandAggregate, issued: Issued, actor: str, now: datetime) -> int:
    log.load(ClusterAggregate, cluster_stream(issued.cluster_id))
    if history := log.stream(command.id):
        if kind_of(history[0]) != CommandAggregate.stream:
            raise InvalidArgumentError("order.id", "is the id of something else")
        command = CommandAggregate.replay(command.id, [recorded.event for recorded in history])
    command.issue(issued, now)
    return log.save(command, Cause(actor=actor, correlation_id=command.id))


def _timeout(text: str) -> timedelta:
    try:
        seconds = parse_duration(text)
    except InvalidMessageError as exc:
        raise InvalidArgumentError("order.timeout", exc.rule) from exc
    if not 0 < seconds <= MAX_TIMEOUT:
        raise InvalidArgumentError("order.timeout", f"must be above 0 and at most {MAX_TIMEOUT:g}s")
    return timedelta(seconds=seconds)


def _text(text: str, field: str, *, required: bool = False, limit: int = _MAX_TEXT) -> str:
    checked_text(text, field, limit)
    if required and not text.strip():
        raise InvalidArgumentError(field, "must not be empty")
    return text
