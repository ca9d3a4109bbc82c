"""`aetherius approve` and `aetherius reject`: what waits for a person, its plan, and the answer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from aetherius.cli.deciding import here, the_log
from aetherius.cli.folder import DEFAULT, DataOption
from aetherius.cli.log_address import DsnOption
from aetherius.cli.missing import explained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aetherius.domain.remediation import Remediation
    from aetherius.event_store.log import Log

Id = Annotated[UUID, typer.Argument(help="Id of the remediation.")]


def approve(
    id: Annotated[UUID | None, typer.Argument(help="Id of the remediation; left out: what waits is listed.")] = None,
    digest: Annotated[
        str, typer.Option(help="The plan that is approved; left out: the plan is shown and asked about.")
    ] = "",
    comment: Annotated[str, typer.Option(help="Kept with the approval; some repairs read words of it.")] = "",
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
) -> None:
    """Say yes to the plan of a repair; or list what waits for a yes."""
    with explained(), the_log(dsn, data) as log:
        if id is None:
            _list(log)
        else:
            _approve(log, id, digest or _shown(log, id), comment)


def reject(
    id: Id,
    reason: Annotated[str, typer.Option(help="Why not.")],
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
) -> None:
    """Say no to a repair: nothing is changed."""
    with explained(), the_log(dsn, data) as log:
        from aetherius.domain.remediation import Remediation
        from aetherius.event_store.change import change
        from aetherius.runtime.clock import utc_now

        change(log, Remediation, id, here(), lambda each: each.reject(here(), reason, utc_now()))
        typer.echo("rejected: nothing is changed")


def _approve(log: Log, id: UUID, digest: str, comment: str) -> None:
    from aetherius.domain.remediation import Remediation
    from aetherius.event_store.change import change
    from aetherius.runtime.clock import utc_now

    change(log, Remediation, id, here(), lambda each: each.approve(here(), comment, utc_now(), digest))
    typer.echo("approved")


def _shown(log: Log, id: UUID) -> str:
    """Show the plan and ask; its digest after a yes. Without a terminal nobody can be asked."""
    from aetherius.domain.remediation import Remediation

    remediation = log.load(Remediation, id)
    for line in _told(remediation):
        typer.echo(line)
    if remediation.planned is None:
        return ""
    if not sys.stdin.isatty():
        typer.secho(f"not approved: name the plan with --digest {remediation.planned.digest}", fg="red", err=True)
        raise typer.Exit(2)
    typer.confirm("Do it?", default=False, abort=True)
    return remediation.planned.digest


def _told(remediation: Remediation) -> Iterator[str]:
    proposal, planned = remediation.proposal, remediation.planned
    if proposal is None:
        return
    yield f"{proposal.action} of {proposal.kind} {proposal.name} {_where(remediation)}: {proposal.reason}"
    if planned is None:
        yield "plan: being made" if remediation.plan_follows else "plan: none, this repair cannot be tried"
        return
    plan = planned.plan
    yield f"plan {plan.number}, dry run {plan.dry_run}: {plan.told}"
    yield from (f"  {each}" for each in plan.diff)
    yield from (f"touches: {each}" for each in plan.affected)
    yield from (f"warning: {each}" for each in plan.warnings)
    yield f"undo: {plan.undo or 'not known'}"
    yield f"before: helped {plan.here.helped} of {plan.here.done} times here, {plan.anywhere.helped} of {plan.anywhere.done} anywhere"
    yield f"until: {plan.expires_at:%F %T} UTC" if plan.expires_at else "until: no end"
    yield f"digest: {planned.digest}"


def _where(remediation: Remediation) -> str:
    proposal = remediation.proposal
    if proposal is None:
        return ""
    return f"in {proposal.cluster_id}" + (f"/{proposal.namespace}" if proposal.namespace else "")


def _list(log: Log) -> None:
    waiting = list(_waiting(log))
    for each in waiting:
        proposal = each.proposal
        if proposal is not None:
            typer.echo(f"{each.id}  {proposal.action} of {proposal.kind} {proposal.name} {_where(each)}")
    if not waiting:
        typer.echo("nothing waits for a yes")


def _waiting(log: Log) -> Iterator[Remediation]:
    from aetherius.domain.event import topics_of
    from aetherius.domain.remediation import ApprovalRequested, Remediation, RemediationStatus

    asked: dict[UUID, None] = {}
    position, topics = 0, topics_of([ApprovalRequested])
    while (page := log.read_page(position, 1000, topics)).events:
        asked.update(dict.fromkeys(recorded.stream_id for recorded in page))
        position = page.next_position
    found = (log.load(Remediation, id) for id in asked)
    return (each for each in found if each.status is RemediationStatus.AWAITING_APPROVAL)
