"""`aetherius log`: what an operator tells the log, and asks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aetherius.cli import log_status
from aetherius.cli.folder import DEFAULT, DataFolder, DataOption
from aetherius.cli.log_address import DsnOption, log_address, own_sealing
from aetherius.cli.missing import explained
from aetherius.cli.output import Output, OutputOption, show

if TYPE_CHECKING:
    from aetherius.event_store.sealing import Sealing

app = typer.Typer(help="The log: its timelines, and what to do after a restore.", no_args_is_help=True)
app.command("status")(log_status.status)


@app.command()
def timelines(data: DataOption = DEFAULT, dsn: DsnOption = "", output: OutputOption = Output.TABLE) -> None:
    """The log's histories: one more after each restore to an earlier point, with the last position it shares with the one before."""
    with explained():
        import msgspec

        from aetherius.domain.errors import InfrastructureError
        from aetherius.event_store.log import Log

        try:
            with Log(log_address(dsn, data), pool_size=1) as log:
                rows = [msgspec.structs.asdict(timeline) for timeline in log.timelines()]
        except InfrastructureError as exc:
            typer.secho(str(exc), fg="red", err=True)
            raise typer.Exit(75) from exc
    show(rows, output)


@app.command()
def restored(
    nothing_lost: Annotated[
        bool,
        typer.Option("--nothing-lost", help="Another server took over, and holds every event: the timeline goes on."),
    ] = False,
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
) -> None:
    """Tell the log that it was restored to an earlier point, before services start: a new timeline begins, and read models that are ahead are rebuilt."""
    with explained():
        from aetherius.domain.errors import AetheriusError, InfrastructureError
        from aetherius.event_store.reading.timeline import restored as begin_timeline

        address = log_address(dsn, data)
        try:
            _rebuild_ahead(address, own_sealing(DataFolder.at(data)))  # first: cut short, it is found again
            done = begin_timeline(address, nothing_lost=nothing_lost)
        except AetheriusError as exc:
            typer.secho(str(exc), fg="red", err=True)
            raise typer.Exit(75 if isinstance(exc, InfrastructureError) else 1) from exc
    for name, position in done.ahead:
        typer.secho(f"{name} was at {position}, ahead of the log: it goes on from the log's end", fg="yellow")
    timeline = done.timeline
    typer.echo(f"timeline {timeline.number} ({timeline.id}) began after position {timeline.began_after}")


def _rebuild_ahead(address: str, sealing: Sealing) -> None:
    """Build the read models again that know more than the log does."""
    from aetherius.event_store.log import Log
    from aetherius.projections.models import MODELS
    from aetherius.projections.rebuild import rebuild

    with Log(address, pool_size=2, sealing=sealing) as log:
        positions, head = {model.name: log.checkpoint(model.name) for model in MODELS}, log.head()
        for name, position in positions.items():
            if position > head:
                typer.secho(f"{name} was at {position}, ahead of the log: building it again", fg="yellow")
                typer.echo(f"{name} is at {rebuild(address, name, log=log)[name]}")
