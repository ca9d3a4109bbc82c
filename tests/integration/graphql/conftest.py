"""The read API and the projections as they run in production, over a log of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from aetherius.access.tokens import write_tokens
from aetherius.access.user import Role, User
from aetherius.api import service as api_service
from aetherius.api.settings import ApiSettings
from aetherius.cli.tables import create_tables
from aetherius.event_store.log import Log
from aetherius.projections import service as projections_service
from aetherius.projections.settings import ProjectionsSettings
from graphql_client import OPERATOR, READER, GraphQLClient
from log_history import History
from sealed_state import KEYS_TEXT, SEALING


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    create_tables(dsn)
    with Log(dsn, sealing=SEALING) as log:
        yield log


@pytest.fixture
def history(log: Log) -> History:
    return History(log)


@pytest.fixture
def settings(dsn: str, tmp_path: Path) -> ApiSettings:
    tokens = tmp_path / "tokens.json"
    write_tokens(tokens, {READER: User("rita", Role.READER), OPERATOR: User("otto", Role.OPERATOR)})
    environment = {
        "AETHERIUS_POSTGRES_DSN": dsn,
        "AETHERIUS_TOKENS_FILE": str(tokens),
        "AETHERIUS_STATE_KEYS": KEYS_TEXT,
        "AETHERIUS_GRAPHQL_PORT": "0",
        "AETHERIUS_GRAPHQL_MAX_BODY": "20000",
        "AETHERIUS_GRAPHQL_MAX_SUBSCRIPTIONS": "5",
    }
    return ApiSettings.from_environment(environment)


@pytest.fixture
async def client(log: Log, dsn: str, settings: ApiSettings) -> AsyncIterator[GraphQLClient]:
    """A client of a running API, with the reader's token."""
    stop, projecting, ready = asyncio.Event(), asyncio.Event(), asyncio.Event()
    ports: list[int] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(projections_service.run(ProjectionsSettings(dsn), stop, projecting.set))
        tasks.create_task(api_service.run(settings, stop, ready.set, ports.append))
        async with asyncio.timeout(120):
            await projecting.wait()
            await ready.wait()
        async with httpx2.AsyncClient(timeout=120) as http:
            yield GraphQLClient(http, ports[0], READER)
        stop.set()
