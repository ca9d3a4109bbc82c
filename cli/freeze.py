"""`aetherius freeze`: have the platform change nothing, somewhere or everywhere, until a time or until it is lifted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aetherius.cli.deciding import here, the_log
from aetherius.cli.folder import DEFAULT, DataOption
from aetherius.cli.log_address import DsnOption
from aetherius.cli.missing import explained
from aetherius.cli.output import Output, OutputOption, show

if TYPE_CHECKING:
    from aetherius.domain.freeze import Freeze, Scope
    from aetherius.event_store.log import Log

app = typer.Typer(
    help="Freezes: where nothing may be changed. Without a scope it is everything: the kill switch.",
    no_args_is_help=True,
)
Cluster = Annotated[str, typer.Option("--cluster", "-c", help="Only of this cluster.")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Only of this namespace.")]
Environment = Annotated[str, typer.Option(help="Only of clusters whose label `environment` is this.")]


@app.command("set")
def set_freeze(
    reason: Annotated[str, typer.Option(help="Why; whoever wonders is told.")],
    cluster: Cluster = "",
    namespace: Namespace = "",
    environment: Environment = "",
    lasts: Annotated[str, typer.Option("--for", help="How long, as 30m or 2h; default: until it is lifted.")] = "",
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
) -> None:
    """Freeze. Repairs that are under way there are called back; nothing new is begun."""
    with explained(), the_log(dsn, data) as log:
        from aetherius.domain.freeze import Freeze, freeze_stream
        from aetherius.domain.wire.command import parse_duration
        from aetherius.event_store.change import begin_or_change
        from aetherius.runtime.clock import utc_now

        scope, by, now = _scope(cluster, namespace, environment), here(), utc_now()
        until = now + timedelta(seconds=parse_duration(lasts)) if lasts else None
        begin_or_change(log, Freeze, freeze_stream(scope), by, lambda freeze: freeze.set(scope, reason, by, until, now))
        typer.echo(f"{scope.in_words} is frozen {f'until {until:%F %T} UTC' if until else 'until it is lifted'}")


@app.command()
def lift(
    cluster: Cluster = "",
    namespace: Namespace = "",
    environment: Environment = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
) -> None:
    """Allow changes again. The scope is named as it was frozen."""
    with explained(), the_log(dsn, data) as log:
        from aetherius.domain.freeze import Freeze, freeze_stream
        from aetherius.event_store.change import begin_or_change
        from aetherius.runtime.clock import utc_now

        scope, by = _scope(cluster, namespace, environment), here()
        begin_or_change(log, Freeze, freeze_stream(scope), by, lambda freeze: freeze.lift(by, reason, utc_now()))
        typer.echo(f"{scope.in_words} may be changed again")


@app.command("list")
def list_freezes(data: DataOption = DEFAULT, dsn: DsnOption = "", output: OutputOption = Output.TABLE) -> None:
    """Show what is frozen now."""
    with explained(), the_log(dsn, data) as log:
        from aetherius.runtime.clock import utc_now

        rows = [_line(freeze) for freeze in _freezes(log) if freeze.holds(utc_now())]
    if not rows and output is Output.TABLE:
        typer.echo("nothing is frozen")
    show(rows, output)


def _scope(cluster: str, namespace: str, environment: str) -> Scope:
    from aetherius.domain.freeze import Scope

    return Scope(cluster_id=cluster, namespace=namespace, environment=environment)


def _freezes(log: Log) -> list[Freeze]:
    from aetherius.domain.event import topics_of
    from aetherius.domain.freeze import Freeze, Lifted, Set

    found: dict[Any, Freeze] = {}
    position, topics = 0, topics_of([Set, Lifted])
    while (page := log.read_page(position, 1000, topics)).events:
        for recorded in page:
            found.setdefault(recorded.stream_id, Freeze(recorded.stream_id)).evolve(recorded.event)
        position = page.next_position
    return list(found.values())


def _line(freeze: Freeze) -> dict[str, Any]:
    present = freeze.present
    assert present is not None, "it holds"
    return {
        "cluster": present.scope.cluster_id,
        "namespace": present.scope.namespace,
        "environment": present.scope.environment,
        "until": present.until,
        "by": present.by,
        "reason": present.reason,
    }
