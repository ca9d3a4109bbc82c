"""How a command finds NATS: an address that was given, or the embedded server of a data folder."""

from __future__ import annotations

from typing import Annotated

import typer

from aetherius.cli.folder import DataFolder

NatsOption = Annotated[
    str,
    typer.Option(
        "--nats-url",
        envvar="AETHERIUS_NATS_URL",
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
