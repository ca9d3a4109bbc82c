"""Who is cut off from PostgreSQL without a word (a black-holed connection: nothing is forwarded, nothing closed) keeps no lock for long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.log import Log
from aetherius.event_store.upkeep.leadership import Leadership, Terms
from aetherius.event_store.writing import appending
from black_hole import BlackHole
from event_builders import a_gap, report

_PATIENCE = 60.0


class Leader:
    """A replica, and whether it leads."""

    def __init__(self, dsn: str) -> None:
        self.leads = False
        self.leadership = Leadership(dsn, self._lead, interval=0.2)

    async def _lead(self) -> None:
        self.leads = True
        try:
            await asyncio.Event().wait()
        finally:
            self.leads = False


@asynccontextmanager
async def at_work(*leaders: Leader) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(leader.leadership.run()) for leader in leaders]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not holds():  # noqa: ASYNC110  # what other sessions do
            await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_a_leader_that_is_cut_off_stops_and_another_leads_though_no_connection_was_closed(dsn: str) -> None:
    with BlackHole(dsn) as proxy:
        cut_off, other = Leader(proxy.dsn), Leader(dsn)
        async with at_work(cut_off):
            await until(lambda: cut_off.leads)
            async with at_work(other):
                proxy.swallow()
                await until(lambda: other.leads)
                await until(lambda: not cut_off.leads)
                assert other.leads


@pytest.mark.anyio
async def test_a_replica_that_is_cut_off_while_it_waits_to_lead_tries_anew(dsn: str) -> None:
    with BlackHole(dsn) as proxy:
        leader, waiting = Leader(dsn), Leader(proxy.dsn)
        async with at_work(leader):
            await until(lambda: leader.leads)
            async with at_work(waiting):
                await until(lambda: sessions(dsn) == 2)  # and both have asked for the lock
                proxy.swallow()
                await until(lambda: sessions(dsn) == 1)  # the server let it go
                assert leader.leads


def sessions(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND (query LIKE 'SELECT pg_try_advisory_lock%' OR query = 'SELECT 1')"
        ).fetchone()
    return int(row[0]) if row else 0


def test_the_times_of_a_term_follow_from_its_interval() -> None:
    terms = Terms(1.0)
    assert terms.interval + terms.answer_within < terms.silence < terms.takeover == 6.0


def test_a_writer_that_vanishes_in_the_midst_of_a_copy_holds_up_the_log_for_a_while_only(
    log: Log, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append([report("berlin")])  # makes the partition
    gone = threading.Event()
    encoded = appending._encoded

    def vanish_after_the_first(first: int, events: Sequence[StoredEvent], topics: dict[str, bytes]) -> object:
        if first > 2:
            proxy.swallow()
            gone.set()
        return encoded(first, events, topics)

    with BlackHole(dsn) as proxy, Log(proxy.dsn, pool_size=1) as vanishing, ThreadPoolExecutor(1) as threads:
        monkeypatch.setattr(appending, "_encoded", vanish_after_the_first)
        lost = threads.submit(vanishing.ingest, [report("berlin").stored() for _ in range(3000)])
        assert gone.wait(_PATIENCE)
        with Log(dsn, lock_timeout=1.0, stuck_after=0.5) as other:
            with pytest.raises(LogUnavailableError):  # it has waited, and ended the other one's session then
                other.append([a_gap("oslo")])
            assert other.append([a_gap("oslo")]) == 2  # nothing is left of what the other one had begun
        proxy.drop()
        assert isinstance(lost.exception(_PATIENCE), LogUnavailableError)
