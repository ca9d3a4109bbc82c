"""Read models as an operator handles them: parked, resumed, paused, rebuilt beside, verified, compacted; by `aetherius projections`, from another process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import psycopg
import pytest
from psycopg import Cursor
from psycopg.rows import TupleRow
from typer.testing import CliRunner

from aetherius.cli.main import app
from aetherius.domain.event import Recorded
from aetherius.event_store.log import Log
from aetherius.event_store.subscription import LogSignal
from aetherius.projections import schema, service
from aetherius.projections.compaction import compact
from aetherius.projections.errors import CompactedError, ReadModelBehindError
from aetherius.projections.incidents import IncidentFilter
from aetherius.projections.models import INCIDENTS, MODELS
from aetherius.projections.postgres_queries import PostgresReadModels
from aetherius.projections.rebuild import rebuild
from aetherius.projections.settings import ProjectionsSettings
from aetherius.projections.verification import verify
from aetherius.projections.versioned_rows import VersionedRows
from aetherius.readers import reader_standing
from aetherius.readers.control import ReaderControl
from aetherius.readers.errors import UnknownReaderError
from aetherius.readers.projecting import Projecting
from aetherius.readers.runner import Runner
from log_history import History
from read_model_checks import follow


class Fragile(VersionedRows[Any]):
    """The incidents, by a program with a fault: it fails on one position until it is mended."""

    def __init__(self, poison: int) -> None:
        super().__init__(INCIDENTS)
        self.poison = poison

    def apply(self, batch: Sequence[Recorded], rows: Cursor[TupleRow]) -> None:
        if any(recorded.position == self.poison for recorded in batch):
            raise ValueError("cannot take it")
        super().apply(batch, rows)


@pytest.fixture
async def signal(dsn: str, log: Log) -> AsyncIterator[LogSignal]:
    schema.create(dsn)
    async with LogSignal(dsn) as signal:
        yield signal


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110  # a database has no event to wait for
            await asyncio.sleep(0.05)


def aetherius(*words: str, exit_code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["projections", *words, "-o", "json"])
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def status(dsn: str, name: str = "incidents") -> reader_standing.ReaderStanding:
    unknown = reader_standing.ReaderStanding(name=name, status="", position=0, lag=0, lag_seconds=0)
    return next((each for each in reader_standing.standing(dsn) if each.name == name), unknown)


@pytest.mark.anyio
async def test_a_parked_reader_is_seen_from_outside_and_goes_on_when_resumed(
    dsn: str, log: Log, signal: LogSignal
) -> None:
    history, stop = History(log), asyncio.Event()
    for _ in range(3):
        history.open_incident()
    history.report()
    fragile = Fragile(poison=4)
    control = ReaderControl(dsn, interval=0.05)
    runners = [Runner(log, Projecting(fragile), signal, control=control)]
    runners += [
        Runner(log, Projecting(VersionedRows(model)), signal, control=control)
        for model in MODELS
        if model is not INCIDENTS
    ]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(control.run(stop))
        for runner in runners:
            tasks.create_task(runner.run(stop))
        await until(lambda: status(dsn).status == "parked" and status(dsn, "events").position == 7)
        (shown,) = await asyncio.to_thread(aetherius, "show", "incidents", "--dsn", dsn)
        assert shown["poison_position"] == 4
        assert shown["poison_topic"] == "Incident.Opened.v1"
        assert "cannot take it" in shown["error"]
        assert (shown["lag"], shown["lag_seconds"] > 0) == (5, True)
        await asyncio.to_thread(reader_standing.resume, dsn, "incidents")
        await until(lambda: status(dsn).status == "parked")  # it is as it was: so it is parked again
        fragile.poison = 0
        await asyncio.to_thread(reader_standing.resume, dsn, "incidents")
        await until(lambda: status(dsn).status == "waiting" and status(dsn).poison_position is None)
        stop.set()
    assert not verify(dsn, "incidents", log=log).count


@pytest.mark.anyio
async def test_a_parked_replica_goes_on_when_one_of_a_newer_version_came_past(
    dsn: str, log: Log, signal: LogSignal
) -> None:
    history, stop = History(log), asyncio.Event()
    history.open_incident()
    parked = Runner(log, Projecting(Fragile(poison=2)), signal)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(parked.run(stop))
        await until(lambda: parked.state.poison_position == 2)
        newer = Runner(log, Projecting(VersionedRows(INCIDENTS)), signal)
        newer.step()
        await until(lambda: parked.state.status == "waiting")
        stop.set()


def test_a_checkpoint_of_which_nobody_ever_told_is_listed_with_what_is_known(dsn: str, log: Log) -> None:
    History(log).report()
    log.transact("lonely", 1)
    (shown,) = [each for each in aetherius("list", "--dsn", dsn) if each["name"] == "lonely"]
    assert (shown["position"], shown["lag"], shown["status"], shown["error"]) == (1, 0, "unknown", "")


@pytest.mark.anyio
async def test_a_paused_reader_stands_still_over_a_restart_until_it_is_resumed(dsn: str, log: Log) -> None:
    history = History(log)
    history.open_incident()
    schema.create(dsn)
    with pytest.raises(UnknownReaderError):
        reader_standing.pause(dsn, "nobody")
    settings = ProjectionsSettings(dsn)
    for turn in range(2):
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(service.run(settings, stop))
            if not turn:
                await until(lambda: status(dsn).position == 2)
                await asyncio.to_thread(reader_standing.pause, dsn, "incidents")
            await until(lambda: status(dsn).status == "paused")
            await asyncio.to_thread(history.open_incident)
            await until(lambda: status(dsn, "events").position == log.head())
            assert log.checkpoint("incidents") == 2
            if turn:
                await asyncio.to_thread(reader_standing.resume, dsn, "incidents")
                await until(lambda: log.checkpoint("incidents") == log.head())
            stop.set()


# Verifying


def test_verify_names_every_row_that_is_not_as_the_log_says(dsn: str, log: Log, history: History) -> None:
    assert [each["differing"] for each in aetherius("verify", "--dsn", dsn)] == [0] * len(MODELS)
    with psycopg.connect(dsn) as connection:
        (changed,), (gone,) = connection.execute("SELECT id FROM read_models.incidents WHERE valid_to IS NULL LIMIT 2")
        connection.execute(
            "UPDATE read_models.incidents SET severity = 'odd' WHERE id = %s AND valid_to IS NULL", (changed,)
        )
        connection.execute("DELETE FROM read_models.incidents WHERE id = %s AND valid_to IS NULL", (gone,))
    found = verify(dsn, "incidents", log=log)
    assert {(each.id, each.how) for each in found.differences} == {(changed, "different"), (gone, "missing")}
    (line,) = aetherius("verify", "incidents", "--dsn", dsn, exit_code=1)
    assert (line["differing"], str(changed) in line["ids"], str(gone) in line["ids"]) == (2, True, True)
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "UPDATE read_models.events_intervals SET occurred_to = now() WHERE created = (SELECT min(created) FROM read_models.events)"
        )
    assert verify(dsn, "events", log=log).count == 1


def test_verify_takes_a_fixed_position_while_the_model_goes_on(dsn: str, log: Log, history: History) -> None:
    def grow(done: int, total: int) -> None:
        if not grown:
            grown.append(done)
            history.go_on(20)
            follow(log, dsn)

    grown: list[int] = []
    for model in MODELS:
        grown.clear()
        at = log.checkpoint(model.name)
        found = verify(dsn, model.name, log=log, progress=grow)
        assert (found.position, found.count) == (at, 0), found
        assert grown


# Compacting


@pytest.mark.anyio
async def test_compacted_versions_are_refused_and_never_wrong_and_come_back_with_a_rebuild(
    dsn: str, log: Log, history: History
) -> None:
    middle, head = log.head() // 2, log.head()
    with pytest.raises(ReadModelBehindError):
        compact(dsn, "incidents", head + 1)
    async with PostgresReadModels(dsn, log) as models:

        async def lists() -> dict[int, Any]:
            return {
                at: (await models.page(INCIDENTS, IncidentFilter(), first=500, as_of=at)).found for at in (middle, head)
            }

        before = await lists()
        with pytest.raises(AssertionError):
            aetherius("compact", "incidents", "--before", "soon", "--dsn", dsn)
        (done,) = await asyncio.to_thread(aetherius, "compact", "incidents", "--before", str(middle), "--dsn", dsn)
        assert done["removed"] > 0
        assert await lists() == before
        with pytest.raises(CompactedError, match=rf"position {middle} were removed"):
            await models.page(INCIDENTS, IncidentFilter(), first=1, as_of=middle - 1)
        with pytest.raises(CompactedError):
            await models.count(INCIDENTS, IncidentFilter(), upto=5, as_of=1)
        assert (await asyncio.to_thread(verify, dsn, "incidents", log=log)).count == 0
        await asyncio.to_thread(rebuild, dsn, "incidents", log=log)
        assert (await models.page(INCIDENTS, IncidentFilter(), first=500, as_of=middle - 1)).found is not None
