"""Databases of earlier versions, brought to this one in place: nothing of the log changes, no state is lost, and everything serves on."""

from __future__ import annotations

import asyncio
import subprocess
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection, sql

from aetherius.access.tokens import write_tokens
from aetherius.access.user import Role, User
from aetherius.agent_manager import service as agent_manager
from aetherius.agent_manager.settings import AgentManagerSettings
from aetherius.api import service as api
from aetherius.api.settings import ApiSettings
from aetherius.cli.tables import create_tables, rooms
from aetherius.domain.keyring import Keyring
from aetherius.event_store.audit import ledger_audit
from aetherius.event_store.log import Log
from aetherius.event_store.sealing import Sealing
from aetherius.orchestrator import service as orchestrator
from aetherius.orchestrator.settings import OrchestratorSettings
from aetherius.projections import schema, verification
from aetherius.projections import service as projections
from aetherius.projections.models import MODELS
from aetherius.projections.rebuild import rebuild
from aetherius.projections.search import service as search
from aetherius.projections.settings import ProjectionsSettings, SearchProcessSettings
from aetherius.readers import reader_standing
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.jetstream.streams import ensure_streams
from aetherius.runtime.migrations.applied import missing
from aetherius.runtime.nats_connection import connect
from aetherius.runtime.postgres_programs import programs
from aetherius.runtime.signing_key import SigningKey
from aetherius.runtime.state_keys import read_keys

DATABASES = Path(__file__).parents[2] / "golden" / "databases"
DUMPS = sorted(DATABASES.glob("*.dump"))
SCHEMAS = ["aetherius", "read_models"]
Rows = dict[str, list[str]]
LATER = {
    "aetherius.migrations",
    "aetherius.repair_admissions",
    "aetherius.repair_records",
    "aetherius.shared_causes",
    "read_models.freezes",
}
"""Tables that came after the versions of these databases."""


@pytest.fixture(params=DUMPS, ids=lambda dump: dump.stem)
def dump(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture
def keys(dump: Path) -> str:
    return dump.with_suffix(".keys").read_text().split("\n")[1]


@pytest.fixture
def restored(dsn: str, dump: Path) -> str:
    """The DSN of the database as the earlier version left it."""
    program = programs(dump.parent, None) / "pg_restore"
    subprocess.run([str(program), "-d", dsn, "--exit-on-error", "--no-owner", str(dump)], check=True, timeout=60)
    return dsn


@pytest.fixture
def connection(restored: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(restored, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@pytest.fixture
def log(restored: str, keys: str) -> Iterator[Log]:
    with Log(restored, sealing=Sealing(Keyring(read_keys(None, keys)))) as log:
        yield log


def rows(connection: Connection[Any]) -> Rows:
    """Every row of every table, as text: ids, topics, states, positions, hashes, checkpoints."""
    query = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY (%s)"
    tables = connection.execute(query, (SCHEMAS,)).fetchall()
    each = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1")
    return {
        f"{place}.{name}": [row for (row,) in connection.execute(each.format(sql.Identifier(place, name)))]
        for place, name in tables
    }


def partitions_made(before: Rows, after: Rows) -> set[str]:
    """Tables that are new, but for those of weeks to come."""
    return {name for name in after.keys() - before.keys() if not name.startswith("aetherius.observed_")}


def test_nothing_that_was_there_is_changed(restored: str, connection: Connection[Any], log: Log) -> None:
    before = rows(connection)
    assert {"aetherius.ledger", "aetherius.decided", "aetherius.observed"} <= {
        name for name, kept in before.items() if kept
    }
    create_tables(restored)
    after = rows(connection)
    assert {name: after.get(name) for name in before} == before
    assert partitions_made(before, after) == LATER
    assert missing(connection, rooms()) == []

    report = ledger_audit.verify(connection)
    assert (report.intact, report.events) == (
        True,
        len(before["aetherius.decided"]) + len(before["aetherius.observed"]),
    )
    assert [recorded.position for recorded in log.read(0, 10_000)] == list(range(1, log.head() + 1))


def test_read_models_say_what_a_replay_says(restored: str, log: Log) -> None:
    """They are folded to the log's end first: the earlier version was stopped, not drained."""
    create_tables(restored)
    rebuild(restored, *schema.outdated(restored), log=log)
    assert schema.outdated(restored) == []
    for model in MODELS:
        found = verification.verify(restored, model.name, log=log)
        assert (found.count, found.differences) == (0, []), model.name


def test_orders_to_readers_and_parked_deliveries_are_still_known(restored: str, connection: Connection[Any]) -> None:
    create_tables(restored)
    readers = {each.name: each for each in reader_standing.standing(restored)}
    assert (readers["search"].paused, readers["commands"].paused) == (True, False)
    assert {each.error for each in readers.values()} == {""}
    parked = connection.execute("SELECT key, attempts, error FROM aetherius.delivery_keys WHERE parked_at IS NOT NULL")
    assert parked.fetchall() == [("north", 3, "refused")]


@pytest.fixture
async def bus(open_folder: Path) -> AsyncIterator[str]:
    server = EmbeddedNats(open_folder / f"nats-{uuid.uuid4().hex[:8]}")
    url = await server.start()
    async with connect(url, "test") as nats:
        await ensure_streams(nats.jetstream())
    yield url
    await server.stop()


@pytest.mark.anyio
async def test_every_service_serves_on_and_its_readers_come_to_the_end(
    restored: str, keys: str, log: Log, bus: str, tmp_path: Path
) -> None:
    await asyncio.to_thread(create_tables, restored)
    await asyncio.to_thread(reader_standing.resume, restored, "search")
    SigningKey.load_or_create(tmp_path / "key.pem")
    write_tokens(tmp_path / "tokens.json", {"token": User("rita", Role.READER)})
    sealed: Any = {"state_keys": keys}
    services: list[Callable[[asyncio.Event, Callable[[], None]], Awaitable[None]]] = [
        lambda *told: agent_manager.run(AgentManagerSettings(restored, bus, tmp_path / "key.pem", **sealed), *told),
        lambda *told: orchestrator.run(OrchestratorSettings(restored, bus, **sealed), *told),
        lambda *told: projections.run(ProjectionsSettings(restored, **sealed), *told),
        lambda *told: search.run(SearchProcessSettings(restored, **sealed), *told),
        lambda *told: api.run(ApiSettings(restored, tmp_path / "tokens.json", graphql_port=0, **sealed), *told),
    ]
    stop, ready = asyncio.Event(), [asyncio.Event() for _ in services]
    async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
        for serve, is_ready in zip(services, ready, strict=True):
            tasks.create_task(_served(serve(stop, is_ready.set)))
        for is_ready in ready:
            await is_ready.wait()
        before = log.head()
        while await asyncio.to_thread(_behind, restored, before):  # noqa: ASYNC110  # asked of the database
            await asyncio.sleep(0.1)
        stop.set()
    report = await asyncio.to_thread(_audited, restored)
    assert report.intact


async def _served(service: Awaitable[None]) -> None:
    await service


def _behind(dsn: str, head: int) -> list[str]:
    """Readers that have not come as far, and those that cannot."""
    found = reader_standing.standing(dsn)
    assert not [each for each in found if each.status in ("parked", "ahead")]
    return [each.name for each in found if each.position < head and each.name in {model.name for model in MODELS}]


def _audited(dsn: str) -> ledger_audit.AuditReport:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return ledger_audit.verify(connection)
