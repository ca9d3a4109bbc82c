"""`aetherius projections`: where the read models stand, and building them again from the first event."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from aetherius.cli.folder import DEFAULT, DataOption
from aetherius.cli.log_address import DsnOption, log_address
from aetherius.cli.missing import explained
from aetherius.cli.output import Output, OutputOption, show

app = typer.Typer(help="The read models: where they stand, and building them again.", no_args_is_help=True)


@app.command("list")
def list_models(data: DataOption = DEFAULT, dsn: DsnOption = "", output: OutputOption = Output.TABLE) -> None:
    """Name, position and lag (events of the log that are not in it yet) of each read model; `ahead` if it knows more than the log does."""
    with explained():
        from aetherius.domain.errors import InfrastructureError

        try:
            rows = _standing(log_address(dsn, data))
        except InfrastructureError as exc:
            typer.secho(str(exc), fg="red", err=True)
            raise typer.Exit(75) from exc
    show(rows, output)


@app.command()
def rebuild(
    name: Annotated[str, typer.Argument(help="Of a read model, as `list` shows it.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Every read model, one after the other.")] = False,
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Empty read models and fold the whole log into them again. Services may go on: until it is done they answer from what is there."""
    if bool(name) == everything:
        typer.secho("give the name of a read model, or --all", fg="red", err=True)
        raise typer.Exit(2)
    with explained():
        from aetherius.domain.errors import AetheriusError, InfrastructureError
        from aetherius.projections.models import MODELS

        address = log_address(dsn, data)
        try:
            rows = [_rebuilt(address, each) for each in ([model.name for model in MODELS] if everything else [name])]
        except LookupError as exc:
            typer.secho(str(exc.args[0]), fg="red", err=True)
            raise typer.Exit(2) from exc
        except AetheriusError as exc:
            typer.secho(str(exc), fg="red", err=True)
            raise typer.Exit(75 if isinstance(exc, InfrastructureError) else 1) from exc
    show(rows, output)


def _standing(address: str) -> list[dict[str, Any]]:
    from aetherius.event_store.log import Log
    from aetherius.projections.models import MODELS

    with Log(address, pool_size=1) as log:
        positions = {model.name: log.checkpoint(model.name) for model in MODELS}
        head = log.head()
    return [
        {
            "name": name,
            "position": position,
            "lag": max(0, head - position),
            "state": "ahead" if position > head else "",
        }
        for name, position in positions.items()
    ]


def _rebuilt(address: str, name: str) -> dict[str, Any]:
    from aetherius.projections.rebuild import rebuild as rebuild_model

    return {"name": name, "position": rebuild_model(address, name)}
