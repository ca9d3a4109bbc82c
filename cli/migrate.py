"""`aetherius migrate`: the tables brought to this version, by one process, before the services of this version start."""

from __future__ import annotations

from typing import Annotated

import typer

from aetherius.cli.folder import DEFAULT, DataOption
from aetherius.cli.log_address import DsnOption, log_address
from aetherius.cli.missing import explained
from aetherius.cli.output import Output, OutputOption, show
from aetherius.cli.tables import rooms


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; list what is missing, and exit with 1 if anything is.")
    ] = False,
    pre_only: Annotated[
        bool, typer.Option("--pre-only", help="Leave the second halves for when no process of the old version runs.")
    ] = False,
    data: DataOption = DEFAULT,
    dsn: DsnOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Make and change the tables that this version needs. Run it once, before services start; a second one waits for the first. Safe to repeat."""
    with explained():
        from aetherius.domain.errors import AetheriusError, InfrastructureError

        try:
            address = log_address(dsn, data)
            if check:
                _check(address, pre_only, output)
            else:
                _migrate(address, pre_only)
        except AetheriusError as exc:
            typer.secho(str(exc), fg="red", err=True)
            raise typer.Exit(75 if isinstance(exc, InfrastructureError) else 1) from exc


def _migrate(address: str, pre_only: bool) -> None:
    from aetherius.runtime.migrations.migrate import migrate as bring_up_to_date

    if not bring_up_to_date(address, rooms(), pre_only=pre_only, progress=typer.echo):
        typer.echo("nothing is missing")


def _check(address: str, pre_only: bool, output: Output) -> None:
    from aetherius.runtime.migrations.applied import connected, missing
    from aetherius.runtime.migrations.room import Half

    with connected(address) as connection:
        found = missing(connection, rooms())
    lacking = [each for each in found if not pre_only or each.half is Half.PRE]
    show([{"room": each.room, "half": each.half.value, "missing": each.what} for each in lacking], output)
    if lacking:
        raise typer.Exit(1)
