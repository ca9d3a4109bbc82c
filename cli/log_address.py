"""Where the log is, for commands that work on it: the address given, or the embedded one of a data folder.

A given address comes from the environment, or from a file (`@FILE`). With a password on its command line the program starts itself anew without it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from aetherius.cli.command_line import is_on_command_line, start_anew
from aetherius.cli.folder import DataFolder

if TYPE_CHECKING:
    from aetherius.event_store.sealing import Sealing


VARIABLE: Final = "AETHERIUS_POSTGRES_DSN"


def given(context: typer.Context, value: str) -> str:
    """The address that was meant. Ends the program with 2 for a file that cannot be read."""
    if value.startswith("@"):
        return _of_file(Path(value[1:]))
    if is_on_command_line("--dsn", value):
        _hide(value)
    return value


DsnOption = Annotated[
    str,
    typer.Option(
        "--dsn",
        envvar=VARIABLE,
        callback=given,
        help="Of the log, or @FILE that holds it; default: the embedded one, while `up` runs. No password here: others see it.",
    ),
]


def _of_file(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as exc:
        typer.secho(f"--dsn: {path} cannot be read: {exc.strerror}", fg="red", err=True)
        raise typer.Exit(2) from exc


def _hide(value: str) -> None:
    """Start anew without the password, if there is one; what libpq cannot read is left for whoever connects to refuse."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        parts = {name: text for name, text in conninfo_to_dict(value).items() if text is not None}
    except ProgrammingError:
        return
    if password := parts.pop("password", ""):
        start_anew("--dsn", value, make_conninfo("", **parts), {"PGPASSWORD": str(password)})


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


def own_sealing(folder: DataFolder) -> Sealing:
    """How the log is read by a command on this machine: with the keys of the environment, else those of the data folder, else none (then sealed events are
    not read, if all that they say is sealed).

    Raises:
        CredentialsError: the file of the keys cannot be used.
        SettingError: the keys are malformed.
    """
    from aetherius.domain.keyring import Keyring
    from aetherius.event_store.sealing import Sealing
    from aetherius.runtime.state_keys import read_keys

    file, text = os.environ.get("AETHERIUS_STATE_KEYS_FILE"), os.environ.get("AETHERIUS_STATE_KEYS", "")
    own = folder.state_keys
    if file or text:
        return Sealing(Keyring(read_keys(Path(file) if file else None, text)))
    return Sealing(Keyring(read_keys(own, ""))) if own.exists() else Sealing()
