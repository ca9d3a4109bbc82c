"""Read models as an operator handles them: parked, resumed, paused, rebuilt beside, verified, compacted; by `aetherius projections`, from another process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Self

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
from aetherius.projections.build import hold
from aetherius.projections.compaction import compact
from aetherius.projections.errors import CompactedError, ReadModelBehindError, RebuildRunsError
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
from replay_oracle import LISTS
from stored_rows import all_rows


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


# Rebuilding


@pytest.fixture
def history(dsn: str, log: Log) -> History:
    schema.create(dsn)
    history = History(log, 21)
    history.go_on(60)
    follow(log, dsn)
    return history


def follow(log: Log, dsn: str) -> None:
    for model in MODELS:
        runner = Runner(log, Projecting(VersionedRows(model)), LogSignal(dsn))
        while runner.step() is not None:
            pass


class Asking:
    """Asks for lists all the time, over connections whose statements are prepared; notes the smallest answer and every error."""

    def __init__(self, dsn: str, log: Log) -> None:
        self.fewest: dict[str, int] = {}
        self.asked = 0
        self.errors: list[BaseException] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(dsn, log)))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    async def _run(self, dsn: str, log: Log) -> None:
        async with PostgresReadModels(dsn, log) as models:
            while not self._stop.is_set():
                for model in MODELS:
                    try:
                        page = await models.page(model, IncidentFilter(), first=500)
                    except Exception as exc:  # noqa: BLE001  # all are told
                        self.errors.append(exc)
                        return
                    self.asked += 1
                    fewest = self.fewest.get(model.name, len(page.found))
                    self.fewest[model.name] = min(len(page.found), fewest)


def test_whoever_asks_while_a_model_is_rebuilt_gets_whole_answers(dsn: str, log: Log, history: History) -> None:
    live = all_rows(dsn)
    with Asking(dsn, log) as asking:
        for _ in range(4):
            before = asking.asked
            rebuild(dsn, *LISTS, log=log)
            deadline = time.monotonic() + 20
            while asking.asked < before + 20 and not asking.errors:
                assert time.monotonic() < deadline
                time.sleep(0.01)
    assert not asking.errors
    assert all_rows(dsn) == live
    current = {
        name: sum(",," in row[0] or row[0] != "" for row in rows) for name, rows in live.items() if name in LISTS
    }
    assert all(asking.fewest[name] > 0 for name in current)


def test_two_never_rebuild_one_model_at_once(dsn: str, log: Log, history: History) -> None:
    with psycopg.connect(dsn, autocommit=True) as other:
        hold(other, "incidents")
        with pytest.raises(RebuildRunsError):
            rebuild(dsn, "incidents", log=log)
        assert rebuild(dsn, "agents", log=log)
    assert rebuild(dsn, "incidents", log=log) == {"incidents": log.head()}


def test_a_parked_or_behind_model_is_brought_forward_by_a_rebuild(dsn: str, log: Log, history: History) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE aetherius.checkpoints SET position = 5 WHERE name = 'incidents'")
        connection.execute("DELETE FROM read_models.incidents WHERE valid_from > 5")
    rebuild(dsn, "incidents", log=log)
    assert log.checkpoint("incidents") == log.head()
    assert not verify(dsn, "incidents", log=log).count


PROGRAM = """
import os, signal, sys
from aetherius.projections import build, rebuild
from aetherius.event_store.log import Log
from sealed_state import SEALING
dsn, place, turn = sys.argv[1], sys.argv[2], int(sys.argv[3])
def die_at(owner, name, at):
    original, calls = getattr(owner, name), [0]
    def dying(*args, **kwargs):
        calls[0] += 1
        if calls[0] == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)
    setattr(owner, name, dying)
if place == "load":
    die_at(build.Build, "_take_at_once", turn)
elif place == "index":
    die_at(build.Build, "index", 1)
elif place == "swap":
    die_at(rebuild, "_swap", 1)
elif place == "rename":
    die_at(rebuild, "_rename", turn)
else:
    original = rebuild.general
    rebuild.general = lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == "reader_resume" else original(name)
build.PAGE = 7
with Log(dsn, pool_size=2, sealing=SEALING) as log:
    build.Build.__init__.__kwdefaults__["page"] = 7
    rebuild.rebuild(dsn, "events", "incidents", log=log)
"""


@pytest.mark.parametrize(
    ("place", "turn"),
    [("load", 1), ("load", 4), ("index", 1), ("swap", 1), ("rename", 1), ("rename", 2), ("rename", 3), ("commit", 1)],
)
def test_a_rebuild_killed_at_any_moment_leaves_what_serves_and_goes_on(
    dsn: str, log: Log, history: History, place: str, turn: int
) -> None:
    live = all_rows(dsn)
    killed = subprocess.run(
        [sys.executable, "-c", PROGRAM, dsn, place, str(turn)],
        check=False,
        timeout=120,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -9, killed.stderr
    assert all_rows(dsn) == live
    history.go_on(5)
    follow(log, dsn)
    live = all_rows(dsn)
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT max(position) FROM read_models.builds").fetchone()
    assert row
    assert (row[0] or 0) > 0 or (place, turn) == ("load", 1)
    rebuild(dsn, "events", "incidents", log=log)
    assert all_rows(dsn) == live
    with psycopg.connect(dsn) as connection:
        left = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'read_models' AND tablename LIKE '%next%'"
        ).fetchall()
        assert (left, connection.execute("SELECT * FROM read_models.builds").fetchall()) == ([], [])
    assert not verify(dsn, "events", log=log).count


@pytest.mark.anyio
async def test_a_model_of_another_version_is_built_again_by_the_service_that_starts(
    dsn: str, log: Log, history: History
) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("COMMENT ON TABLE read_models.incidents IS 'of an older version'")
        connection.execute("UPDATE read_models.incidents SET severity = 'low', doc = '{}'")
    assert schema.outdated(dsn) == ["incidents"]
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(service.run(ProjectionsSettings(dsn), stop))
        await until(lambda: not schema.outdated(dsn))
        stop.set()
    assert not verify(dsn, "incidents", log=log).count


@pytest.mark.anyio
async def test_a_service_that_is_to_stop_does_not_wait_for_a_rebuild(
    dsn: str, log: Log, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    building, go_on = threading.Event(), threading.Event()

    def slow(*_: object, **__: object) -> None:
        building.set()
        go_on.wait(30)

    monkeypatch.setattr(service, "rebuild", slow)
    with psycopg.connect(dsn) as connection:
        connection.execute("COMMENT ON TABLE read_models.incidents IS 'of an older version'")
    stop = asyncio.Event()
    running = asyncio.create_task(service.run(ProjectionsSettings(dsn), stop))
    await until(building.is_set)
    stop.set()
    async with asyncio.timeout(120):
        await running
    go_on.set()


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
