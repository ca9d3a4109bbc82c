"""`aetherius settings`: every setting of every service, with what it counts, its default, and why; and what the services check of them at their start."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import MISSING
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aetherius.cli.missing import explained
from aetherius.cli.output import Output, OutputOption, show

if TYPE_CHECKING:
    from aetherius.runtime.settings.settings import Settings

SettingsFileOption = Annotated[
    Path | None,
    typer.Option("--settings", envvar="AETHERIUS_SETTINGS_FILE", help="TOML file of settings; the environment wins."),
]


def services() -> Sequence[type[Settings]]:
    """The settings of each service of a server."""
    from aetherius.agent_manager.settings import AgentManagerSettings
    from aetherius.api.settings import ApiSettings
    from aetherius.orchestrator.settings import OrchestratorSettings
    from aetherius.projections.settings import ProjectionsSettings, SearchProcessSettings

    return (
        AgentManagerSettings,
        OrchestratorSettings,
        ProjectionsSettings,
        SearchProcessSettings,
        ApiSettings,
    )


def settings(output: OutputOption = Output.TABLE) -> None:
    """List every setting. In a file it has this name, in the environment AETHERIUS_ and the name in capitals."""
    with explained():
        from aetherius.edge_agent.settings import AgentSettings

        show(_rows((*services(), AgentSettings)), output)


def _rows(classes: Sequence[type[Settings]]) -> list[dict[str, Any]]:
    """A row for each name, with the services that take it; where their defaults differ, a row for each default."""
    from aetherius.runtime.settings.settings import reasons_of, settings_of

    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for each in classes:
        reasons = reasons_of(each)
        for setting in settings_of(each).values():
            key = (setting.name, _shown(setting.default), reasons.get(setting.name, ""))
            row = rows.setdefault(
                key,
                {"name": setting.name, "unit": setting.unit, "default": key[1], "services": "", "reason": key[2]},
            )
            row["services"] = f"{row['services']} {each.SERVICE}".strip()
    return sorted(rows.values(), key=lambda row: row["name"])


def _shown(default: Any) -> str:
    if default is MISSING:
        return "(must be given)"
    return "" if default is None or default == {} else str(default)


def told(file: Path | None, log_level: str = "") -> dict[str, str]:
    """The environment that a server's service reads its settings from, looked over: what is unknown in the file is refused, in the environment named.

    Raises:
        SettingError: a name in the file is no setting.
    """
    from aetherius.runtime.settings.file import FILE, check_file
    from aetherius.runtime.settings.reading import warn_of_unknown
    from aetherius.runtime.settings.settings import PREFIX

    given = {FILE: str(file) if file else "", f"{PREFIX}LOG_LEVEL": log_level}
    environment = {**os.environ, **{name: value for name, value in given.items() if value}}
    check_file(environment, services())
    warn_of_unknown(environment, services())
    return environment
