"""Settings from the environment: each field of each service's settings can be given there."""

from __future__ import annotations

from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import pytest

from aetherius.agent_manager.settings import AgentManagerSettings
from aetherius.api.settings import ApiSettings
from aetherius.orchestrator.settings import OrchestratorSettings
from aetherius.projections.settings import ProjectionsSettings
from aetherius.runtime.environment import PREFIX, settings_from
from aetherius.runtime.errors import SettingError

SERVICES = (AgentManagerSettings, ApiSettings, OrchestratorSettings, ProjectionsSettings)
EXAMPLES: dict[str, tuple[str, Any]] = {
    "str": ("text", "text"),
    "int": ("7", 7),
    "float": ("0.5", 0.5),
    "bool": ("true", True),
    "Path": ("/a/file", Path("/a/file")),
    "Path | None": ("/a/file", Path("/a/file")),
    "dict[str, dict[str, str]]": ('{"a": {"b": "c"}}', {"a": {"b": "c"}}),
}


def example(field: Field[Any]) -> tuple[str, Any]:
    return EXAMPLES[str(field.type)]


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_can_be_given_in_the_environment(service: type[Any]) -> None:
    environment = {PREFIX + field.name.upper(): example(field)[0] for field in fields(service)}
    settings = service.from_environment(environment)
    assert {field.name: getattr(settings, field.name) for field in fields(service)} == {
        field.name: example(field)[1] for field in fields(service)
    }


@pytest.mark.parametrize(
    ("text", "truth"), [("true", True), ("TRUE", True), ("1", True), ("false", False), ("0", False), ("no", False)]
)
def test_a_truth_is_said_in_words_or_digits(text: str, truth: bool) -> None:
    given = {"AETHERIUS_POSTGRES_DSN": "x", "AETHERIUS_TOKENS_FILE": "y", "AETHERIUS_GRAPHQL_ONLY_TRUSTED": text}
    assert settings_from(ApiSettings, given).graphql_only_trusted is truth


def test_what_is_no_truth_is_refused_by_name() -> None:
    given = {"AETHERIUS_POSTGRES_DSN": "x", "AETHERIUS_TOKENS_FILE": "y", "AETHERIUS_GRAPHQL_ONLY_TRUSTED": "perhaps"}
    with pytest.raises(SettingError, match="AETHERIUS_GRAPHQL_ONLY_TRUSTED is not of type bool"):
        settings_from(ApiSettings, given)
