"""Settings: one name for one thing whatever the service, from the environment or a file, each with its unit and its reason."""

from __future__ import annotations

import json
import logging
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aetherius.agent_manager.settings import AgentManagerSettings
from aetherius.api.settings import ApiSettings
from aetherius.cli.main import app
from aetherius.cli.settings import services, told
from aetherius.edge_agent.settings import AgentSettings
from aetherius.orchestrator.settings import OrchestratorSettings
from aetherius.projections.settings import ProjectionsSettings, SearchProcessSettings
from aetherius.runtime.errors import SettingError
from aetherius.runtime.settings.reading import settings_from
from aetherius.runtime.settings.settings import PREFIX, Setting, Settings, reasons_of, settings_of

EVERY: tuple[type[Settings], ...] = (*services(), AgentSettings)
TEXTS: dict[str, tuple[str, Any]] = {
    "str": ("text", "text"),
    "int": ("7", 7),
    "float": ("0.5", 0.5),
    "bool": ("true", True),
    "Path": ("/a/file", Path("/a/file")),
    "list": ('["a", "b"]', ["a", "b"]),
    "dict": ('{"a": {"b": "c"}}', {"a": {"b": "c"}}),
}
GIVEN = {"AETHERIUS_POSTGRES_DSN": "x", "AETHERIUS_NATS_URL": "y", "AETHERIUS_TOKENS_FILE": "z"}


def example(setting: Setting) -> tuple[str, Any]:
    told = str(setting.type)
    kind = next(kind for kind in ("dict", "list", "Path", "float", "int", "bool", "str") if kind in told)
    return TEXTS[kind]


@pytest.mark.parametrize("service", EVERY)
def test_every_setting_can_be_given_in_the_environment(service: type[Settings]) -> None:
    known = settings_of(service).values()
    environment = {setting.variable: example(setting)[0] for setting in known} | {"AETHERIUS_KUBECTL": "/a/file"}
    settings = service.from_environment(environment)
    assert {each.name: getattr(settings, each.name) for each in known} == {
        each.name: example(each)[1] for each in known
    }


@pytest.mark.parametrize("service", EVERY)
def test_every_setting_says_what_it_means_and_every_number_what_it_counts(service: type[Settings]) -> None:
    known = settings_of(service).values()
    reasons = reasons_of(service)
    assert [each.name for each in known if not reasons.get(each.name, "").endswith((".", ")"))] == []
    assert [
        each.name for each in known if ("int" in str(each.type) or "float" in str(each.type)) and not each.unit
    ] == []


def test_one_name_means_one_thing() -> None:
    """A service may have its own default, with its reason; what is counted is the same."""
    units: dict[str, set[str]] = {}
    for service in EVERY:
        for setting in settings_of(service).values():
            units.setdefault(setting.name, set()).add(setting.unit)
    assert {name: found for name, found in units.items() if len(found) > 1} == {}
    assert not [name for name in units for service in EVERY if name.startswith(f"{service.SERVICE}_health")]


@pytest.mark.parametrize(
    ("text", "truth"), [("true", True), ("TRUE", True), ("1", True), ("false", False), ("0", False), ("no", False)]
)
def test_a_truth_is_said_in_words_or_digits(text: str, truth: bool) -> None:
    given = {**GIVEN, "AETHERIUS_GRAPHQL_ONLY_TRUSTED": text}
    assert settings_from(ApiSettings, given).graphql_only_trusted is truth


def test_what_is_no_truth_is_refused_by_name() -> None:
    given = {**GIVEN, "AETHERIUS_GRAPHQL_ONLY_TRUSTED": "perhaps"}
    with pytest.raises(SettingError, match="AETHERIUS_GRAPHQL_ONLY_TRUSTED is not of type bool"):
        settings_from(ApiSettings, given)


@pytest.mark.parametrize(
    ("service", "old", "new"),
    [
        (ProjectionsSettings, "PROJECTIONS_HEALTH_PORT", "health_port"),
        (ProjectionsSettings, "PROJECTIONS_BATCH", "commit_events"),
        (SearchProcessSettings, "SEARCH_HEALTH_PORT", "health_port"),
        (SearchProcessSettings, "SEARCH_BATCH", "commit_events"),
        (OrchestratorSettings, "ORCHESTRATOR_HEALTH_PORT", "health_port"),
        (ApiSettings, "GRAPHQL_HEALTH_PORT", "health_port"),
    ],
)
def test_an_old_name_works_and_the_new_one_is_told(
    service: type[Settings], old: str, new: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert getattr(service.from_environment({**GIVEN, PREFIX + old: "7"}), new) == 7
    assert f"AETHERIUS_{old} is called AETHERIUS_{new.upper()} now" in caplog.text
    both = {**GIVEN, PREFIX + old: "7", PREFIX + new.upper(): "8"}
    assert getattr(service.from_environment(both), new) == 8


class TestFile:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "settings.toml"

    def read(self, service: type[Settings], file: Path, **environment: str) -> Any:
        variables = {PREFIX + name.upper(): value for name, value in environment.items()}
        return service.from_environment({"AETHERIUS_SETTINGS_FILE": str(file), **variables})

    def test_the_environment_goes_before_the_services_table_and_that_before_the_rest(self, file: Path) -> None:
        file.write_text(
            'postgres_dsn = "x"\nnats_url = "y"\nhealth_port = 1\nsoak_time = 5\n[orchestrator]\nhealth_port = 2\n'
        )
        settings = self.read(OrchestratorSettings, file)
        assert (settings.postgres_dsn, settings.health_port, settings.soak_time) == ("x", 2, 5.0)
        assert self.read(ProjectionsSettings, file).health_port == 1
        assert self.read(OrchestratorSettings, file, health_port="3").health_port == 3

    def test_tables_and_paths_are_written_as_what_they_are(self, file: Path) -> None:
        file.write_text(
            'postgres_dsn = "x"\nnats_url = "y"\nstate_keys_file = "/k"\n[workflow_parameters.lost]\ngrace = "2s"\n'
        )
        settings = self.read(OrchestratorSettings, file)
        assert settings.state_keys_file == Path("/k")
        assert settings.workflow_parameters == {"lost": {"grace": "2s"}}

    def test_a_value_of_another_type_is_refused_without_being_told(self, file: Path) -> None:
        file.write_text('postgres_dsn = "x"\nhealth_port = "hidden"\n')
        with pytest.raises(SettingError, match=r"health_port.* is not of type int") as raised:
            self.read(ProjectionsSettings, file)
        assert "hidden" not in str(raised.value)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("helth_port = 1", "helth_port.* is no setting: perhaps health_port"),
            ("[orchestrator]\nheartbeat_interval = 1", r"\[orchestrator\] heartbeat_interval.* is no setting"),
            ("[orchestra]\nhealth_port = 1", "orchestra.* is no setting: perhaps orchestrator"),
        ],
    )
    def test_what_no_service_knows_is_refused(self, file: Path, text: str, said: str) -> None:
        file.write_text(text)
        with pytest.raises(SettingError, match=said):
            told(file)

    def test_a_file_for_all_services_may_hold_what_one_does_not_know(self, file: Path) -> None:
        file.write_text('postgres_dsn = "x"\nheartbeat_interval = 5.0\n[agent_manager]\ngap_grace = 1.0\n')
        told(file)
        assert self.read(ProjectionsSettings, file).postgres_dsn == "x"

    @pytest.mark.parametrize("text", [None, "postgres_dsn = ", "\udcff"])
    def test_a_file_that_cannot_be_read_is_named(self, file: Path, text: str | None) -> None:
        if text is not None:
            file.write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(SettingError, match=r"settings\.toml"):
            told(file)


def test_a_variable_that_is_no_setting_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AETHERIUS_SOAK_TIMES", "1")
    monkeypatch.setenv("AETHERIUS_GRAPHQL_SERVICE_HOST", "10.0.0.1")
    with caplog.at_level(logging.WARNING):
        told(None)
    assert "AETHERIUS_SOAK_TIMES is no setting: perhaps AETHERIUS_SOAK_TIME" in caplog.text
    assert "SERVICE_HOST" not in caplog.text


def test_the_command_lists_every_setting() -> None:
    result = CliRunner().invoke(app, ["settings", "-o", "json"])
    rows = {(row["name"], service): row for row in json.loads(result.stdout) for service in row["services"].split()}
    assert len(rows) == sum(len(settings_of(service)) for service in EVERY)
    assert rows["ack_wait", "agent_manager"]["unit"] == "seconds"
    assert rows["ack_wait", "agent_manager"]["default"] == "30.0"
    assert rows["tokens_file", "api"]["default"] == "(must be given)"
    assert "redelivery" in rows["gap_grace", "agent_manager"]["reason"]
    assert rows["drain_timeout", "api"]["default"] == "5.0"


def test_a_service_without_its_source_still_reads_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspect.getsource", _no_source)
    assert reasons_of(AgentManagerSettings) == {}
    assert settings_of(AgentManagerSettings)["postgres_dsn"].default is MISSING


def _no_source(_: object) -> str:
    raise OSError("could not get source code")
