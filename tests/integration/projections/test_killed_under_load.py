"""Each reader killed under load, and PostgreSQL too: then every event is in every read model that it concerns, once, and all of them are as the log says."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self
from uuid import UUID

import psycopg
import pytest

from aetherius.cli.tables import create_tables
from aetherius.domain.cluster_event import Reported
from aetherius.domain.errors import AetheriusError
from aetherius.domain.event import Cause
from aetherius.domain.wire.event import Labels, Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.projections.errors import ReadModelUnavailableError
from aetherius.projections.models import MODELS
from aetherius.projections.verification import verify
from aetherius.readers import reader_standing
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from aetherius.runtime.parent_death import guarded
from log_history import NOON, History
from postgres_site import kill
from processes import eventually
from sealed_state import SEALING

PROCESS = Path(__file__).with_name("projecting_process.py")
KINDS = {
    "Agent": "agents",
    "Cluster": "clusters",
    "Incident": "incidents",
    "Command": "commands",
    "Workflow": "workflows",
    "Remediation": "remediations",
}
READERS = tuple(model.name for model in MODELS)


class Readers:
    """A process for each read model."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        command = guarded([sys.executable, str(PROCESS), self._dsn, name], signal.SIGKILL)
        self._processes[name] = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def kill(self, name: str) -> None:
        self._processes[name].kill()
        self._processes[name].wait()

    def keep(self) -> bool:
        """Start those again that ended by themselves, as a supervisor does."""
        for name, process in list(self._processes.items()):
            if process.poll() is not None:
                self.start(name)
        return True

    def close(self) -> None:
        for name in self._processes:
            self.kill(name)


class Load:
    """Reports and decisions without end, by a thread that outlives the server's deaths."""

    def __init__(self, dsn: str) -> None:
        self._log = Log(dsn, pool_size=2, timeout=2, sealing=SEALING)
        self._history = History(self._log, 5)
        self._random = random.Random(5)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.count = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)
        self._log.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            batch = [self._report() for _ in range(40)]
            self._patiently(lambda batch=batch: self._log.ingest([each.stored() for each in batch]))  # type: ignore[misc]
            try:
                self._history.go_on(3)
            except (AetheriusError, KeyError):  # what was decided last may not have been stored
                self._history = History(self._log, self.count)
                self._history.count = 1_000_000 + self.count

    def _patiently(self, write: Callable[[], object]) -> None:
        while not self._stop.is_set():
            try:
                write()
            except LogUnavailableError:
                continue
            return

    def _report(self) -> Pending:
        self.count += 1
        at = NOON.replace(minute=self._random.randrange(60), second=self._random.randrange(60))  # many are late
        event = Reported(
            cluster_id="berlin",
            source="kubelet",
            severity=Severity.LOW,
            reason="BackOff",
            message=f"{self.count}",
            labels=Labels(kind="Pod", name=f"web-{self._random.randrange(20)}"),
            agent_id="a1",
            epoch=1,
            sequence=self.count,
        )
        return Pending(UUID(observation_id("berlin", at, "load", self.count)), 1, event, at, Cause(actor="agent:a1"))


@pytest.fixture
def server(open_folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(open_folder / f"postgres-{uuid.uuid4().hex[:8]}")
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


def test_every_event_is_in_every_read_model_after_each_reader_and_postgres_were_killed_under_load(
    server: EmbeddedPostgres,
) -> None:
    dsn = server.dsn
    create_tables(dsn)
    readers = Readers(dsn)
    try:
        with Load(dsn) as load:
            for name in READERS:
                readers.start(name)
            grows(dsn, load)
            for name in READERS:
                readers.kill(name)
                grows(dsn, load)
                readers.start(name)
            for _ in range(2):
                kill(server)
                asyncio.run(server.stop())
                asyncio.run(server.start())
                eventually(lambda: readers.keep() and grew(dsn, load), "growth after a restart")
        with Log(dsn, pool_size=2, sealing=SEALING) as log:
            head = log.head()
            eventually(lambda: readers.keep() and arrived(dsn, head), "every reader at the end", within=60)
            assert_every_event_is_there(dsn)
            for name in READERS:
                found = verify(dsn, name, log=log)
                assert not found.count, found
    finally:
        readers.close()


def grows(dsn: str, load: Load) -> None:
    before = load.count
    eventually(lambda: load.count >= before + 120, "more load")


def grew(dsn: str, load: Load) -> bool:
    grows(dsn, load)
    return True


def arrived(dsn: str, head: int) -> bool:
    try:
        standing = {each.name: each for each in reader_standing.standing(dsn)}
    except ReadModelUnavailableError:
        return False
    assert all(each.status != "parked" for each in standing.values()), standing
    return all(name in standing and standing[name].position >= head for name in READERS)


def assert_every_event_is_there(dsn: str) -> None:
    """By id: each report once among the events and once as an open or ended interval; each stream of a kind in the list of that kind."""
    with psycopg.connect(dsn) as connection:
        reports = ids(connection, "SELECT originator_id FROM aetherius.observed")
        assert ids(connection, "SELECT id FROM read_models.events") == reports
        assert ids(connection, "SELECT id FROM read_models.events_intervals WHERE valid_to IS NULL") == reports
        for kind, name in KINDS.items():
            streams = f"SELECT DISTINCT originator_id FROM aetherius.decided WHERE topic LIKE '{kind}.%'"
            shown = ids(connection, f"SELECT id FROM read_models.{name} WHERE valid_to IS NULL")
            assert shown == ids(connection, streams), name
            assert shown, name


def ids(connection: psycopg.Connection[tuple[UUID]], query: str) -> list[UUID]:
    return sorted(row[0] for row in connection.execute(query))
