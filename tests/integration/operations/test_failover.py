"""Another PostgreSQL takes the primary's place while the platform runs: with synchronous replication nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from aetherius.cli.tables import create_tables
from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import topics_of
from aetherius.event_store.audit import ledger_audit as audit
from aetherius.event_store.errors import LogUnavailableError, VersionConflictError
from aetherius.event_store.log import Log
from aetherius.projections import service
from aetherius.projections.settings import ProjectionsSettings
from installation import aetherius
from log_history import History
from postgres_site import PostgresSite, kill, until_promoted
from processes import eventually
from stored_rows import all_rows

pytestmark = pytest.mark.anyio


@contextmanager
def writing(dsn: str) -> Iterator[list[UUID]]:
    """Appends one event after the other, whatever happens; those that were acknowledged."""
    acknowledged: list[UUID] = []
    enough = threading.Event()

    def write() -> None:
        with Log(dsn, timeout=1) as log:
            history = History(log)
            while not enough.is_set():
                try:
                    acknowledged.append(history.report())
                except (LogUnavailableError, VersionConflictError):
                    enough.wait(0.05)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield acknowledged
    finally:
        enough.set()
        thread.join(30)


async def test_a_promoted_standby_takes_over_and_nothing_acknowledged_is_lost(site: PostgresSite) -> None:
    primary = site.server("primary")
    dsn = await primary.start()
    create_tables(dsn)
    standby = await replicated(site, dsn)
    stop = asyncio.Event()
    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        tasks.create_task(service.run(ProjectionsSettings(dsn), stop))
        with writing(dsn) as acknowledged:
            await asyncio.to_thread(eventually, lambda: len(acknowledged) > 100, "a hundred events")
            kill(primary)
            await primary.stop()
            before = len(acknowledged)
            await promoted(site, standby, int(conninfo_to_dict(dsn)["port"] or 0))
            await asyncio.to_thread(eventually, lambda: len(acknowledged) > before + 100, "a hundred events more")
        with Log(dsn) as log:
            stored = {recorded.stream_id for recorded in log.read(0, 100_000, topics_of([Reported]))}
            assert stored >= set(acknowledged)
            assert not log.standing().confirmed
            assert "timeline 1" in aetherius("log", "restored", "--nothing-lost", "--dsn", dsn)
            assert log.standing().confirmed
        await asyncio.to_thread(eventually, lambda: len(all_rows(dsn)["events"]) == len(stored), "every event a row")
        stop.set()
    with psycopg.connect(dsn) as connection:
        assert audit.verify(connection).intact


async def replicated(site: PostgresSite, dsn: str) -> str:
    """Start a standby that the primary waits for at each commit; its address."""
    site.base_backup(dsn, "standby", "-R")
    address = await site.server("standby").start()
    site.configure(dsn, synchronous_standby_names="*")

    def is_synchronous() -> bool:
        with psycopg.connect(dsn) as connection:
            return connection.execute("SELECT sync_state FROM pg_stat_replication").fetchone() == ("sync",)

    await asyncio.to_thread(eventually, is_synchronous, "a synchronous standby")
    return address


async def promoted(site: PostgresSite, standby: str, port: int) -> None:
    """Promote the standby, and have it answer where the primary did."""
    with psycopg.connect(standby, autocommit=True) as connection:
        connection.execute("SELECT pg_promote()")
    until_promoted(standby)
    await site.stop("standby")
    await site.server("standby", port).start()
