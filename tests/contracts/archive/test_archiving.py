"""Rounds of the archiver, into any place: what is old leaves the database and stays in the log; a round that fails stops nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from aetherius.event_store.archive.archiving import FAILURES, Archiving
from aetherius.event_store.log import Log
from archive_site import NOW, everything, fill, names

pytestmark = pytest.mark.anyio


def archiving(dsn: str, url: str, *, retain_days: int = 30) -> Archiving:
    def now() -> datetime:
        return NOW

    return Archiving(dsn, url, retain_days=retain_days, accept_age=14 * 86400.0, interval=0.01, now=now)


async def test_a_round_takes_what_is_old_out_of_the_database(log: Log, dsn: str, url: str) -> None:
    fill(log, weeks=2, each=20)
    before, there = everything(log), names(dsn)
    await archiving(dsn, url).round()
    assert set(names(dsn)) < set(there)
    assert everything(log) == before


async def test_rounds_follow_each_other_though_they_fail(log: Log, dsn: str, url: str) -> None:
    fill(log, weeks=1, each=5)
    failed = FAILURES._value.get()
    running = asyncio.create_task(archiving(dsn, url, retain_days=3).run())
    async with asyncio.timeout(120):
        while FAILURES._value.get() < failed + 2:  # noqa: ASYNC110  # a counter has no event to wait for
            await asyncio.sleep(0.01)
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})
    assert log.archive_edge() is None
