"""What Prometheus is told, by real services on a real log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from aetherius.cli.tables import create_tables
from aetherius.event_store.log import Log
from aetherius.orchestrator import service as orchestrator_service
from aetherius.orchestrator.settings import OrchestratorSettings
from aetherius.projections import service as projections_service
from aetherius.projections.models import MODELS
from aetherius.projections.settings import ProjectionsSettings
from aetherius.runtime.ports import free_port
from installation import aetherius
from log_history import History
from sealed_state import SEALING

pytestmark = pytest.mark.anyio


@pytest.fixture
def history(dsn: str) -> History:
    create_tables(dsn)
    return History(Log(dsn, sealing=SEALING))


@asynccontextmanager
async def projections(dsn: str) -> AsyncIterator[httpx2.AsyncClient]:
    stop, port = asyncio.Event(), free_port()
    settings = ProjectionsSettings(dsn, health_port=port)
    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        tasks.create_task(projections_service.run(settings, stop))
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            await served(http)
            yield http
        stop.set()


async def served(http: httpx2.AsyncClient) -> None:
    while True:
        try:
            if (await http.get("/readyz")).status_code == 200:
                return
        except httpx2.ConnectError:
            await asyncio.sleep(0.05)


async def scraped(http: httpx2.AsyncClient) -> dict[str, float]:
    """Every sample, under its name and its labels' values."""
    text = (await http.get("/metrics")).text
    return {
        ".".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def until(http: httpx2.AsyncClient, name: str, wanted: Callable[[float], bool]) -> dict[str, float]:
    """The samples, as soon as one of them is as wanted."""
    while True:
        found = await scraped(http)
        if name in found and wanted(found[name]):
            return found
        await asyncio.sleep(0.05)


async def test_projections_tell_head_lag_and_appends(dsn: str, history: History) -> None:
    appended = "aetherius_log_append_seconds_count.group"
    async with projections(dsn) as http:
        before = (await scraped(http))[appended]
        for _ in range(25):
            await asyncio.to_thread(history.report)
        found = await until(http, "aetherius_reader_position.events", lambda position: position == 25)
        assert found["aetherius_log_up"] == 1
        assert found["aetherius_log_head"] == 25
        assert found["aetherius_log_timeline"] == 1
        assert found["aetherius_log_restore_unconfirmed"] == 0
        assert found[appended] - before == 25  # this process wrote them
        assert {found[f"aetherius_reader_parked.{model.name}"] for model in MODELS} == {0}
    history.log.close()


async def test_a_reader_ahead_of_the_log_says_so_and_goes_on_once_it_was_rebuilt(dsn: str, history: History) -> None:
    for _ in range(5):
        history.report()
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO aetherius.checkpoints VALUES ('events', 9)")
    async with projections(dsn) as http:
        await until(http, "aetherius_reader_ahead.events", bool)
        for _ in range(5):  # now the log is past it: that makes it no truer
            await asyncio.to_thread(history.report)
        found = await until(http, "aetherius_reader_position.agents", lambda position: position == 10)
        assert found["aetherius_reader_ahead.events"] == 1
        listed = await asyncio.to_thread(aetherius, "projections", "list", "-o", "json", "--dsn", dsn)
        assert '"name": "events", "position": 9, "lag": 1' in listed
        rebuilt = await asyncio.to_thread(aetherius, "projections", "rebuild", "events", "-o", "json", "--dsn", dsn)
        assert rebuilt.strip() == '[{"name": "events", "position": 10}]'
        found = await until(http, "aetherius_reader_ahead.events", lambda ahead: not ahead)
        assert found["aetherius_reader_lag_events.events"] == 0
    history.log.close()


async def test_an_orchestrator_tells_of_its_process_managers(dsn: str, history: History, nats_url: str) -> None:
    stop, port = asyncio.Event(), free_port()
    settings = OrchestratorSettings(dsn, nats_url, health_port=port)
    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        tasks.create_task(orchestrator_service.run(settings, stop))
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            await served(http)
            await until(http, "aetherius_reader_lag_events.analysis_desk", lambda lag: lag == 0)
            found = await until(http, "aetherius_reader_lag_events.incident_correlator", lambda lag: lag == 0)
        stop.set()
    assert found["aetherius_reader_parked.incident_correlator"] == 0
    history.log.close()
