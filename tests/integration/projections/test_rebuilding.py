"""Read models that are built again beside the ones that serve: whole for whoever asks, killed at any moment, and by a service that starts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Self

import psycopg
import pytest

from aetherius.event_store.log import Log
from aetherius.projections import schema, service
from aetherius.projections.build import hold
from aetherius.projections.errors import RebuildRunsError
from aetherius.projections.incidents import IncidentFilter
from aetherius.projections.models import MODELS
from aetherius.projections.postgres_queries import PostgresReadModels
from aetherius.projections.rebuild import rebuild
from aetherius.projections.settings import ProjectionsSettings
from aetherius.projections.verification import verify
from log_history import History
from read_model_checks import follow
from replay_oracle import LISTS
from stored_rows import all_rows


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110  # a database has no event to wait for
            await asyncio.sleep(0.05)


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
