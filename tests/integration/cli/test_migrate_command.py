"""`aetherius migrate`, and what services say where it was not run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner, Result

from aetherius.agent_manager import service as agent_manager
from aetherius.agent_manager.settings import AgentManagerSettings
from aetherius.api import service as api_service
from aetherius.api.settings import ApiSettings
from aetherius.cli.main import app
from aetherius.cli.tables import create_tables, rooms
from aetherius.orchestrator import service as orchestrator
from aetherius.orchestrator.settings import OrchestratorSettings
from aetherius.projections import service as projections
from aetherius.projections.search import service as search
from aetherius.projections.settings import ProjectionsSettings
from aetherius.runtime.errors import TablesMissingError

NATS = "nats://127.0.0.1:1"


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["migrate", *words])


def test_check_lists_what_is_missing_until_it_is_made(dsn: str) -> None:
    before = run("--check", "--dsn", dsn, "-o", "json")
    assert before.exit_code == 1
    missing = json.loads(before.stdout)
    assert {each["room"] for each in missing} == {room.name for room in rooms()}
    assert {"room": "projections", "half": "pre", "missing": "table incidents"} in missing
    assert {"room": "event_store", "half": "pre", "missing": "0001 the log"} in missing

    made = run("--dsn", dsn)
    assert made.exit_code == 0
    assert len(made.stdout.splitlines()) == len(missing)
    after = run("--check", "--dsn", dsn, "-o", "json")
    assert (after.exit_code, json.loads(after.stdout)) == (0, [])
    again = run("--dsn", dsn)
    assert (again.exit_code, again.stdout) == (0, "nothing is missing\n")


def test_a_table_of_a_read_model_that_is_missing_is_made_again(dsn: str) -> None:
    create_tables(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP TABLE read_models.incidents")
    assert "table incidents" in run("--check", "--dsn", dsn).stdout
    assert run("--dsn", dsn).stdout == "projections: table incidents\n"


def test_a_database_that_does_not_answer_may_be_tried_again(dsn: str) -> None:
    found = run("--dsn", make_conninfo(dsn, port="1"))
    assert (found.exit_code, "does not answer" in found.output) == (75, True)


SERVICES: dict[str, tuple[Callable[..., Awaitable[None]], Callable[[str], Any]]] = {
    "agent_manager": (agent_manager.run, lambda dsn: AgentManagerSettings(dsn, NATS, Path("none"))),
    "orchestrator": (orchestrator.run, lambda dsn: OrchestratorSettings(dsn, NATS)),
    "projections": (projections.run, ProjectionsSettings),
    "search": (search.run, ProjectionsSettings),
    "api": (api_service.run, lambda dsn: ApiSettings(dsn, Path("none"))),
}


@pytest.mark.anyio
@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_without_its_tables_says_so_and_makes_none(service: str, dsn: str) -> None:
    serve, settings = SERVICES[service]
    with pytest.raises(TablesMissingError, match="Run `aetherius migrate`"):
        await serve(settings(dsn), asyncio.Event())
    assert "0001 the log" in run("--check", "--dsn", dsn).stdout
