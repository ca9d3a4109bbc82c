"""`aetherius enroll` gives a cluster its credentials; `aetherius agent` runs that cluster's agent."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aetherius.cli.folder import DEFAULT, DataFolder, DataOption
from aetherius.cli.missing import explained
from aetherius.cli.settings import SettingsFileOption, services

if TYPE_CHECKING:
    from aetherius.edge_agent.settings import AgentSettings
    from aetherius.runtime.settings.settings import Settings


def enroll(
    cluster: Annotated[str, typer.Argument(help="Id of the cluster: a-z, 0-9 and dashes.")],
    data: DataOption = DEFAULT,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write (mode 600).")] = None,
    repairs: Annotated[
        bool,
        typer.Option("--repairs", help="The cluster may be changed from the start; otherwise repairs are tried only."),
    ] = False,
) -> None:
    """Make the credentials file of a cluster's agent (while `aetherius up` runs, or before)."""
    with explained():
        from aetherius.domain.errors import AetheriusError

        try:
            path = asyncio.run(_enroll(cluster, DataFolder.at(data), output, repairs=repairs))
        except AetheriusError as exc:
            typer.secho(str(exc), fg="red", err=True)
            raise typer.Exit(2) from exc
        typer.echo(f"{path}\n\naetherius agent --credentials {path} --kubeconfig ~/.kube/config")
        if not repairs:
            typer.echo(f"\nRepairs are tried only in {cluster}, until: aetherius repairs on {cluster}", err=True)


async def _enroll(cluster: str, folder: DataFolder, output: Path | None, *, repairs: bool) -> Path:
    from msgspec.structs import replace

    from aetherius.runtime.data_folder import make_folder
    from aetherius.runtime.embedded_nats import EmbeddedNats
    from aetherius.runtime.signing_key import SigningKey

    key = SigningKey.load_or_create(folder.signing_key)
    credentials = await EmbeddedNats(folder.nats).add_cluster(cluster, key.public)
    path = output or folder.credentials(cluster)
    make_folder(path.parent)
    replace(credentials, repairs=repairs).save(path)
    return path


def agent(
    credentials: Annotated[
        Path | None, typer.Option(envvar="AETHERIUS_CREDENTIALS", help="File made by `aetherius enroll`.")
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(envvar="KUBECONFIG", help="Default: the service account of the pod that it runs in.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Spool and memory of commands; default: beside the credentials.")
    ] = None,
    soak: Annotated[float | None, typer.Option("--recovery-soak", hidden=True)] = None,
    proven: Annotated[float | None, typer.Option("--proven-after", hidden=True)] = None,
    settings: SettingsFileOption = None,
    log_level: Annotated[str, typer.Option(help="Goes before the setting of this name.")] = "",
) -> None:
    """Watch one cluster, report to the platform, and run its signed commands."""
    with explained():
        from aetherius.domain.errors import AetheriusError
        from aetherius.edge_agent.agent import run
        from aetherius.runtime.process import service_main
        from aetherius.runtime.telemetry import configure_logging, set_level

        configure_logging("agent", log_level or "INFO")  # until the settings are read
        try:
            told = _settings(
                settings,
                credentials=credentials,
                kubeconfig=kubeconfig,
                state_folder=state,
                recovery_soak=soak,
                proven_after=proven,
                log_level=log_level,
            )
            set_level(told.log_level)
        except AetheriusError as exc:
            typer.secho(str(exc), fg="red", err=True)
            raise typer.Exit(2) from exc
        sys.exit(service_main(lambda stop: run(told, stop)))


def _settings(file: Path | None, **options: object) -> AgentSettings:
    """Of the file, the environment, and the options, which win. Raises ``SettingError``."""
    from aetherius.edge_agent.settings import AgentSettings
    from aetherius.runtime.settings.file import FILE, check_file, told_in_file
    from aetherius.runtime.settings.reading import warn_of_unknown
    from aetherius.runtime.settings.settings import PREFIX

    given = {PREFIX + name.upper(): str(value) for name, value in options.items() if value}
    environment = {**os.environ, **given, **({FILE: str(file)} if file else {})}
    check_file(environment, [AgentSettings])
    warn_of_unknown(environment, _services_here())
    in_file = told_in_file(environment, AgentSettings.SERVICE)
    credentials = environment.get(f"{PREFIX}CREDENTIALS") or in_file.get("credentials")
    if credentials and "state_folder" not in in_file:
        environment.setdefault(f"{PREFIX}STATE_FOLDER", str(Path(credentials).parent / "agent"))
    return AgentSettings.from_environment(environment)


def _services_here() -> Sequence[type[Settings]]:
    """Whose variables may be in the environment: the agent's own image has no other service."""
    from aetherius.edge_agent.settings import AgentSettings

    try:
        return (*services(), AgentSettings)
    except ModuleNotFoundError:
        return (AgentSettings,)
