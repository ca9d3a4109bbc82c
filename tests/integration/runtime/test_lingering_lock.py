"""A lock that its last holder left a moment ago is not somebody else's work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from aetherius.runtime.lingering_lock import taken_within, taken_within_async

KEY = 0x6C696E676572


@pytest.fixture
def holder(dsn: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (KEY,))
        yield connection


@pytest.fixture
def asker(dsn: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def locked(connection: Connection[Any]) -> bool:
    return connection.execute("SELECT pg_try_advisory_lock(%s)", (KEY,)).fetchone() == (True,)


def test_what_ends_meanwhile_is_waited_for(holder: Connection[Any], asker: Connection[Any]) -> None:
    assert not locked(asker)
    ending = threading.Timer(0.3, holder.close)
    ending.start()
    assert taken_within(lambda: locked(asker), 60)
    ending.join()


def test_what_goes_on_is_told(holder: Connection[Any], asker: Connection[Any]) -> None:
    assert not taken_within(lambda: locked(asker), 0.2)


def test_it_is_asked_for_once_at_least(asker: Connection[Any]) -> None:
    assert taken_within(lambda: locked(asker), 0)


@pytest.mark.anyio
async def test_without_blocking_it_is_the_same(holder: Connection[Any], asker: Connection[Any]) -> None:
    async def ask() -> bool:
        return locked(asker)

    assert not await taken_within_async(ask, 0.2)
    holder.close()
    assert await taken_within_async(ask, 60)
