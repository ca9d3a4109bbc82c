"""Commands that decide something in the log, in the name of whoever is at this machine."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from aetherius.cli.folder import DataFolder
from aetherius.cli.log_address import log_address, own_sealing

if TYPE_CHECKING:
    from aetherius.event_store.log import Log


def here() -> str:
    """Who decides: `cli:` and the name of the operating system's user."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name, as in a container
        return "cli:unknown"


@contextmanager
def the_log(dsn: str, data: Path) -> Iterator[Log]:
    """The log, for a decision; what it refuses is said in a sentence, and ends the program with 2."""
    from aetherius.domain.errors import AetheriusError
    from aetherius.event_store.log import Log

    try:
        with Log(log_address(dsn, data), pool_size=1, sealing=own_sealing(DataFolder.at(data))) as log:
            yield log
    except AetheriusError as exc:
        typer.secho(str(exc), fg="red", err=True)
        raise typer.Exit(2) from exc
