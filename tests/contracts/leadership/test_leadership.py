"""What replicas promise each other: one of them leads, another one when it does not any more, and none without its session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from aetherius.event_store.upkeep.leadership import LOCK, Leadership

pytestmark = pytest.mark.anyio


class Replica:
    """One that leads until it is told to stop, or it fails."""

    def __init__(self, dsn: str) -> None:
        self.leads = False
        self.terms = 0
        self.fails = asyncio.Event()
        self.leadership = Leadership(dsn, self._lead, interval=0.05)

    async def _lead(self) -> None:
        self.leads, self.terms = True, self.terms + 1
        try:
            await self.fails.wait()
            self.fails.clear()
        finally:
            self.leads = False


@asynccontextmanager
async def at_work(replica: Replica) -> AsyncIterator[None]:
    running = asyncio.create_task(replica.leadership.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(120):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110  # what sessions do has no event
            await asyncio.sleep(0.01)


def end_the_leaders_session(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND ((classid::bigint << 32) | objid::bigint) = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            (LOCK,),
        )


async def test_one_leads_and_another_one_when_it_has_stopped(dsn: str) -> None:
    first, second = Replica(dsn), Replica(dsn)
    async with at_work(second):
        async with at_work(first):
            await until(lambda: first.leads or second.leads)
            await asyncio.sleep(0.3)
            assert first.leads is not second.leads
        await until(lambda: second.leads)
        assert not first.leads


async def test_a_leader_whose_session_ends_leads_no_more_until_it_has_another_one(dsn: str) -> None:
    replica = Replica(dsn)
    async with at_work(replica):
        await until(lambda: replica.leads)
        await asyncio.to_thread(end_the_leaders_session, dsn)
        await until(lambda: replica.terms == 2)


async def test_one_whose_work_ended_leads_again(dsn: str) -> None:
    replica = Replica(dsn)
    async with at_work(replica):
        await until(lambda: replica.leads)
        replica.fails.set()
        await until(lambda: replica.terms == 2)


async def test_without_a_server_nobody_leads(dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    replica = Replica(make_conninfo(dsn, port="1"))
    async with at_work(replica):
        await until(lambda: "leadership waits" in caplog.text)
        assert not replica.leads
