"""How a command finds NATS: an address that was given, or the embedded server of a data folder."""

from __future__ import annotations

import os
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from aetherius.cli.command_line import is_on_command_line, start_anew
from aetherius.cli.folder import DataFolder

VARIABLE: Final = "AETHERIUS_NATS_URL"
_OF_ENVIRONMENT: Final = "@environment"
"""Stands on the command line for an address that was moved from there."""


def given_url(value: str) -> str:
    """The address that was meant; with a password on its command line the program starts itself anew without it."""
    if value == _OF_ENVIRONMENT:
        return os.environ.get(VARIABLE, "")
    if is_on_command_line("--nats-url", value) and urlsplit(value).password:
        start_anew("--nats-url", value, _OF_ENVIRONMENT, {VARIABLE: value})
    return value


NatsOption = Annotated[
    str,
    typer.Option(
        "--nats-url",
        envvar=VARIABLE,
        callback=given_url,
        show_envvar=True,
        help="A user who may do everything; default: the embedded one, while `up` runs.",
    ),
]


def nats_url(given: str, folder: DataFolder) -> str:
    """The address to use; it may hold a password. Exits with code 2 if there is none."""
    if given:
        return given
    from aetherius.runtime.embedded_nats import EmbeddedNats

    if not all((folder.nats / name).exists() for name in ("port", "users.json")):
        typer.secho(f"no embedded NATS in {folder.nats}: start `aetherius up`, or give --nats-url", fg="red", err=True)
        raise typer.Exit(2)
    return EmbeddedNats(folder.nats).url
