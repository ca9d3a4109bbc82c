"""A service that starts while its database is away waits, and still can be stopped."""

from __future__ import annotations

import asyncio
import logging

import pytest

from aetherius.runtime.migrations.awaiting import require_once_there
from aetherius.runtime.migrations.room import Room
from aetherius.runtime.ports import free_port

pytestmark = pytest.mark.anyio


async def test_a_database_that_is_away_is_waited_for_until_the_stop(caplog: pytest.LogCaptureFixture) -> None:
    stop = asyncio.Event()
    dsn = f"host=127.0.0.1 port={free_port()} dbname=none user=nobody connect_timeout=2"
    with caplog.at_level(logging.WARNING):
        waiting = asyncio.create_task(require_once_there(dsn, stop, Room.of("event_store")))
        async with asyncio.timeout(60):
            while len(caplog.messages) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            assert not waiting.done()
            stop.set()
            await waiting
    assert all("waits for its tables" in each for each in caplog.messages)
