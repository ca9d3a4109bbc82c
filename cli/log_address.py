"""Where the log is, for commands that work on it: the address given, or the embedded one of a data folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from aetherius.cli.folder import DataFolder

DsnOption = Annotated[
    str,
    typer.Option(
        "--dsn", envvar="AETHERIUS_POSTGRES_DSN", help="Of the log; default: the embedded one, while `up` runs."
    ),
]


def log_address(dsn: str, data: Path) -> str:
    """The address; the embedded one's password goes into our environment and not into it. Ends the program with 2 if there is neither."""
    if dsn:
        return dsn
    folder = DataFolder.at(data).postgres
    password, port = folder / "password", folder / "port"
    if not (password.exists() and port.exists()):
        typer.secho(f"no embedded log in {folder}: start `aetherius up`, or give --dsn", fg="red", err=True)
        raise typer.Exit(2)
    os.environ["PGPASSWORD"] = password.read_text().strip()
    return f"host=127.0.0.1 port={port.read_text().strip()} user=postgres dbname=postgres"
