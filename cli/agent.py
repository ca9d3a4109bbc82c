"""`aetherius enroll` gives a cluster its credentials; `aetherius agent` runs that cluster's agent."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from aetherius.cli.folder import DEFAULT, DataFolder, DataOption
from aetherius.cli.missing import explained


def enroll(
    cluster: Annotated[str, typer.Argument(help="Id of the cluster: a-z, 0-9 and dashes.")],
    data: DataOption = DEFAULT,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write (mode 600).")] = None,
) -> None:
    """Make the credentials file of a cluster's agent (while `aetherius up` runs, or before)."""
    with explained():
        from aetherius.domain.errors import AetheriusError

        try:
            path = asyncio.run(_enroll(cluster, DataFolder.at(data), output))
        except AetheriusError as exc:
            typer.secho(str(exc), fg="red", err=True)
            raise typer.Exit(2) from exc
        typer.echo(f"{path}\n\naetherius agent --credentials {path} --kubeconfig ~/.kube/config")


async def _enroll(cluster: str, folder: DataFolder, output: Path | None) -> Path:
    from aetherius.runtime.data_folder import make_folder
    from aetherius.runtime.embedded_nats import EmbeddedNats
    from aetherius.runtime.signing_key import SigningKey

    key = SigningKey.load_or_create(folder.signing_key)
    credentials = await EmbeddedNats(folder.nats).add_cluster(cluster, key.public)
    path = output or folder.credentials(cluster)
    make_folder(path.parent)
    credentials.save(path)
    return path


def agent(
    credentials: Annotated[Path, typer.Option(envvar="AETHERIUS_CREDENTIALS", help="File made by `aetherius enroll`.")],
    kubeconfig: Annotated[
        Path | None, typer.Option(envvar="KUBECONFIG", help="Default: the service account of the pod that it runs in.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Spool and memory of commands; default: beside the credentials.")
    ] = None,
    recovery_soak: Annotated[float, typer.Option(hidden=True)] = 10.0,
    log_level: Annotated[str, typer.Option(envvar="AETHERIUS_LOG_LEVEL")] = "INFO",
) -> None:
    """Watch one cluster, report to the platform, and run its signed commands."""
    with explained():
        from aetherius.edge_agent.agent import run
        from aetherius.edge_agent.settings import AgentSettings
        from aetherius.runtime.process import service_main
        from aetherius.runtime.telemetry import configure_logging

        configure_logging("agent", log_level)
        settings = AgentSettings(
            credentials=credentials,
            kubeconfig=kubeconfig,
            state_folder=state or credentials.parent / "agent",
            recovery_soak=recovery_soak,
        )
        sys.exit(service_main(lambda stop: run(settings, stop)))
