"""`aetherius audit`: proves that the log is as it was written."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from aetherius.cli.folder import DEFAULT, DataFolder, DataOption
from aetherius.cli.missing import explained

app = typer.Typer(help="Prove that the log is as it was written.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `verify` a command of its own while there is no second one."""


@app.command()
def verify(
    data: DataOption = DEFAULT,
    dsn: Annotated[
        str,
        typer.Option(envvar="AETHERIUS_POSTGRES_DSN", help="Of the log; default: the embedded one, while `up` runs."),
    ] = "",
) -> None:
    """Check every event and every ledger row; exit 1 and name the positions if something was changed, removed or inserted."""
    with explained():
        import psycopg

        from aetherius.event_store.audit import verify as verify_log

        try:
            with psycopg.connect(dsn or _embedded(data)) as connection:
                report = verify_log(connection)
        except psycopg.OperationalError as exc:
            typer.secho(f"PostgreSQL does not answer: {exc}", fg="red", err=True)
            raise typer.Exit(75) from exc
    typer.echo(
        f"{report.events} events in {report.entries} batches, head at {report.head.position} ({report.head.hash.hex()[:16]})"
    )
    for finding in report.findings:
        typer.secho(f"{finding.position}: {finding.wrong}: {finding.detail}", fg="red")
    if not report.intact:
        raise typer.Exit(1)
    typer.secho("intact: every leaf, root and chain hash agrees", fg="green")


def _embedded(data: DataOption) -> str:
    folder = DataFolder.at(data).postgres
    password, port = folder / "password", folder / "port"
    if not (password.exists() and port.exists()):
        typer.secho(f"no embedded log in {folder}: start `aetherius up`, or give --dsn", fg="red", err=True)
        raise typer.Exit(2)
    os.environ["PGPASSWORD"] = password.read_text().strip()
    return f"host=127.0.0.1 port={port.read_text().strip()} user=postgres dbname=postgres"
