"""`aetherius keys`: the keys that seal secrets in the log. Their ids are shown, the keys never."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from aetherius.cli.folder import DEFAULT, DataFolder, DataOption
from aetherius.cli.missing import explained
from aetherius.cli.output import Output, OutputOption, show

app = typer.Typer(
    help="Keys that seal command output and other secrets in the log. Services read them when they start.",
    no_args_is_help=True,
)
FileOption = Annotated[
    Path | None,
    typer.Option("--file", envvar="AETHERIUS_STATE_KEYS_FILE", help="Of the keys; default: that of the data folder."),
]


@app.command()
def new(
    later: Annotated[
        bool, typer.Option("--later", help="It only opens, until `keys use` puts it in front: for several replicas.")
    ] = False,
    file: FileOption = None,
    data: DataOption = DEFAULT,
) -> None:
    """Make a key. It goes in front, and seals; the old ones stay, and open."""
    with explained(), _told():
        from aetherius.domain.keyring import new_key
        from aetherius.runtime.state_keys import add_key

        place = file or DataFolder.at(data).state_keys
        id = add_key(place, new_key(), seals=not later)
        typer.echo(f"key {id} {'opens' if later else 'seals'} once services have started again; it is in {place}")


@app.command()
def use(
    id: Annotated[str, typer.Argument(help="Of a key that every service has by now.")],
    file: FileOption = None,
    data: DataOption = DEFAULT,
) -> None:
    """Put a key in front: it seals from now on."""
    with explained(), _told():
        from aetherius.runtime.state_keys import seal_with

        seal_with(file or DataFolder.at(data).state_keys, id)
        typer.echo(f"key {id} seals once services have started again")


@app.command("list")
def list_keys(file: FileOption = None, data: DataOption = DEFAULT, output: OutputOption = Output.TABLE) -> None:
    """Show the ids of the keys, and which one seals."""
    with explained(), _told():
        from aetherius.domain.keyring import Keyring
        from aetherius.runtime.state_keys import read_keys

        ids = Keyring(read_keys(file or DataFolder.at(data).state_keys, "")).ids
    show([{"key": id, "use": "opens" if number else "seals and opens"} for number, id in enumerate(ids)], output)


@contextmanager
def _told() -> Iterator[None]:
    """Say in a sentence what is wrong with a file, and exit with 2."""
    from aetherius.domain.errors import AetheriusError

    try:
        yield
    except AetheriusError as exc:
        typer.secho(str(exc), fg="red", err=True)
        raise typer.Exit(2) from exc
