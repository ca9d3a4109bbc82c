"""`aetherius serve <room>`: one service as a process; production runs one an image, `aetherius up` runs them all."""

from __future__ import annotations

import asyncio
import enum
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from aetherius.cli.missing import explained
from aetherius.cli.settings import SettingsFileOption, told
from aetherius.domain.errors import AetheriusError

if TYPE_CHECKING:
    from aetherius.event_store.sealing import SealingSettings


class Room(enum.StrEnum):
    """The services."""

    AGENT_MANAGER = "agent_manager"
    ORCHESTRATOR = "orchestrator"
    PROJECTIONS = "projections"
    SEARCH = "search"
    API = "api"
    GRAPHQL = "graphql"  # the name that `api` had; for one release


S = TypeVar("S", bound="SealingSettings")
Environment = Mapping[str, str]
Service = Callable[[asyncio.Event, Callable[[], None]], Awaitable[None]]


def serve(
    room: Annotated[Room, typer.Argument(help="The service to run.")],
    settings: SettingsFileOption = None,
    ready_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    log_level: Annotated[str, typer.Option(help="Goes before the setting of this name.")] = "",
) -> None:
    """Run one service until SIGTERM. Its settings come from a file and from the environment, which wins: `aetherius settings` lists them."""
    with explained():
        from aetherius.runtime.telemetry import configure_logging

        configure_logging(room, log_level or "INFO")  # until the settings are read
        try:
            if room is Room.GRAPHQL:
                typer.secho(
                    "`serve graphql` is called `serve api` now: the old name goes with the next release", err=True
                )
            service = _service(room, told(settings, log_level))
        except AetheriusError as exc:
            typer.secho(str(exc), fg="red", err=True)
            raise typer.Exit(2) from exc
        sys.exit(_run(service, ready_fd))


def _run(service: Service, ready_fd: int | None) -> int:
    from aetherius.runtime.process import announce_ready, service_main, spare_the_collector

    spare_the_collector()
    return service_main(lambda stop: service(stop, partial(announce_ready, ready_fd)))


def _service(room: Room, environment: Environment) -> Service:
    build: dict[Room, Callable[[Environment], Service]] = {
        Room.AGENT_MANAGER: _agent_manager,
        Room.ORCHESTRATOR: _orchestrator,
        Room.PROJECTIONS: _projections,
        Room.SEARCH: _search,
        Room.API: _api,
        Room.GRAPHQL: _api,
    }
    return build[room](environment)


def _agent_manager(environment: Environment) -> Service:
    from aetherius.agent_manager.service import run
    from aetherius.agent_manager.settings import AgentManagerSettings

    return _bound(run, _with_keys(AgentManagerSettings.from_environment(environment)))


def _orchestrator(environment: Environment) -> Service:
    from aetherius.orchestrator.service import run
    from aetherius.orchestrator.settings import OrchestratorSettings

    return _bound(run, _with_keys(OrchestratorSettings.from_environment(environment)))


def _projections(environment: Environment) -> Service:
    from aetherius.projections.service import run
    from aetherius.projections.settings import ProjectionsSettings

    return _bound(run, ProjectionsSettings.from_environment(environment))


def _search(environment: Environment) -> Service:
    from aetherius.projections.search.service import run
    from aetherius.projections.settings import SearchProcessSettings

    return _bound(run, SearchProcessSettings.from_environment(environment))


def _api(environment: Environment) -> Service:
    from aetherius.api.service import run
    from aetherius.api.settings import ApiSettings

    return _bound(run, _with_keys(ApiSettings.from_environment(environment)))


def _with_keys(settings: S) -> S:
    """Of a service that stores secrets, or shows them. Raises ``SettingError``."""
    from aetherius.event_store.sealing import require_keys

    require_keys(settings)
    return settings


def _bound(run: Callable[..., Awaitable[None]], settings: Any) -> Service:
    from aetherius.runtime.telemetry import set_level

    set_level(settings.log_level)
    return lambda stop, ready: run(settings, stop, ready)
