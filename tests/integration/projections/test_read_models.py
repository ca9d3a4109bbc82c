"""The seven read models on real histories: the same from zero as live, and right as of every position."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from aetherius.domain.incident import IncidentStatus
from aetherius.event_store.errors import UnknownPositionError
from aetherius.event_store.log import Log
from aetherius.event_store.subscription import LogSignal
from aetherius.projections import schema, service
from aetherius.projections.errors import ReadModelBehindError
from aetherius.projections.events import EventFilter
from aetherius.projections.incidents import IncidentFilter
from aetherius.projections.models import EVENTS, INCIDENTS, MODELS, REMEDIATIONS, model_named
from aetherius.projections.postgres_queries import PostgresReadModels
from aetherius.projections.read_model import Filter
from aetherius.projections.rebuild import rebuild
from aetherius.projections.settings import ProjectionsSettings
from aetherius.projections.versioned_rows import VersionedRows
from aetherius.readers.projecting import Projecting
from aetherius.readers.runner import Runner
from log_history import History
from replay_oracle import LISTS, lists_over_time, of_row
from stored_rows import all_rows


@pytest.fixture
def project(dsn: str, log: Log) -> Callable[..., None]:
    """Brings every read model up to the log's head, in batches of the size that it is called with."""
    schema.create(dsn)

    def run(max_batch: int = 2000) -> None:
        for model in MODELS:
            runner = Runner(log, Projecting(VersionedRows(model)), LogSignal(dsn), max_batch=max_batch)
            while runner.step() is not None:
                pass
            assert not runner.state.error, runner.state.error

    return run


@pytest.fixture
async def models(dsn: str, log: Log) -> AsyncIterator[PostgresReadModels]:
    async with PostgresReadModels(dsn, log, patience=0.3) as models:
        yield models


@pytest.mark.parametrize("seed", [1, 2])
def test_rebuilt_from_zero_equals_live_row_for_row(dsn: str, log: Log, project: Callable[..., None], seed: int) -> None:
    history = History(log, seed)
    for _ in range(12):
        history.go_on(10)
        project(max_batch=1 + seed * 2)
    live = all_rows(dsn)
    assert all(live.values()), {name: len(rows) for name, rows in live.items()}
    rebuild(dsn, *LISTS)
    assert all_rows(dsn) == live


@pytest.mark.anyio
@pytest.mark.parametrize("seed", [3, 4])
async def test_every_list_as_of_every_position_equals_a_replay(
    log: Log, project: Callable[..., None], models: PostgresReadModels, seed: int
) -> None:
    History(log, seed).go_on(70)
    project()
    for position, lists in lists_over_time(log.read(0, 10_000)):
        for name, expected in lists.items():
            page = await models.page(model_named(name), Filter(), first=500, as_of=position)
            shown = [of_row(found.row, like) for found, like in zip(page.found, expected, strict=True)]
            assert shown == expected, (name, position)
            assert page.position == position


@pytest.mark.anyio
async def test_pages_hold_each_row_once_and_end(
    log: Log, project: Callable[..., None], models: PostgresReadModels
) -> None:
    history = History(log)
    made = [history.open_incident() for _ in range(7)]
    project()
    seen, before = [], None
    while True:
        page = await models.page(INCIDENTS, IncidentFilter(), first=3, before=before)
        seen += [found.row.id for found in page.found]
        if not page.has_next:
            break
        before = page.found[-1].created
        history.touch_incident(made[0])
        project()
    assert seen == made[::-1]


@pytest.mark.anyio
async def test_filters_choose_rows(log: Log, project: Callable[..., None], models: PostgresReadModels) -> None:
    history = History(log)
    history.open_incident("oslo")
    done = history.repaired_incident()
    project()
    filter = IncidentFilter(cluster_id="berlin", namespace="shop", status=[IncidentStatus.RESOLVED])
    page = await models.page(INCIDENTS, filter, first=10)
    assert [found.row.id for found in page.found] == [done]
    assert await models.count(INCIDENTS, IncidentFilter(), upto=100) == 2
    assert await models.count(INCIDENTS, IncidentFilter(), upto=1) == 1
    some = await models.page(EVENTS, EventFilter(occurred_at_until=page.found[0].row.opened_at), first=10)
    assert len(some.found) == 2


@pytest.mark.anyio
async def test_related_rows_come_for_many_at_once(
    log: Log, project: Callable[..., None], models: PostgresReadModels
) -> None:
    history = History(log)
    one, two = history.repaired_incident(), history.open_incident()
    project()
    related = await models.related(REMEDIATIONS, "incident_id", [one, two], limit=10)
    assert [len(related[id]) for id in (one, two)] == [1, 0]
    assert set(await models.rows(INCIDENTS, [one, two])) == {one, two}


@pytest.mark.anyio
async def test_a_question_waits_for_a_model_that_lags_and_says_so_when_it_takes_too_long(
    log: Log, project: Callable[..., None], models: PostgresReadModels
) -> None:
    history = History(log)
    history.open_incident()
    with pytest.raises(ReadModelBehindError):
        await models.page(INCIDENTS, IncidentFilter(), first=1, as_of=log.head())
    with pytest.raises(UnknownPositionError):
        await models.page(INCIDENTS, IncidentFilter(), first=1, as_of=log.head() + 1)
    project()
    history.report()
    page = await models.page(INCIDENTS, IncidentFilter(), first=1, as_of=log.head())
    assert len(page.found) == 1


@pytest.mark.anyio
async def test_the_service_keeps_all_models_beside_a_rebuild_and_a_replica(dsn: str, log: Log) -> None:
    settings = ProjectionsSettings.from_environment({"AETHERIUS_POSTGRES_DSN": dsn, "AETHERIUS_PROJECTIONS_BATCH": "5"})
    stop, ready = asyncio.Event(), asyncio.Event()
    history = History(log, 5)
    async with asyncio.TaskGroup() as tasks, PostgresReadModels(dsn, log, patience=20) as models:
        tasks.create_task(service.run(settings, stop, ready.set))
        tasks.create_task(service.run(settings, stop))
        await ready.wait()
        for turn in range(6):
            await asyncio.to_thread(history.go_on, 10)
            if turn == 3:
                await asyncio.to_thread(rebuild, dsn, "incidents")
        for model in MODELS:
            await models.page(model, Filter(), first=1, as_of=log.head())
        stop.set()
    live = all_rows(dsn)
    await asyncio.to_thread(rebuild, dsn, *LISTS)
    assert all_rows(dsn) == live
