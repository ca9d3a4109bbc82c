"""Stopping the read API while clients hang on: soon, and without a word about it in the log."""

from __future__ import annotations

import asyncio
import logging
import socket

import httpx2
import pytest

from aetherius.api import service
from aetherius.api.settings import ApiSettings
from aetherius.event_store.log import Log
from aetherius.runtime.errors import PortTakenError
from graphql_client import READER, GraphQLClient, take
from log_history import History

pytestmark = pytest.mark.anyio


async def test_open_subscriptions_do_not_hold_up_a_stop(
    settings: ApiSettings, log: Log, history: History, caplog: pytest.LogCaptureFixture
) -> None:
    history.report()
    stop, ready, ports = asyncio.Event(), asyncio.Event(), list[int]()
    serving = asyncio.create_task(service.run(settings, stop, ready.set, ports.append))
    await ready.wait()
    async with httpx2.AsyncClient() as http:
        client = GraphQLClient(http, ports[0], READER)
        query = "subscription { log(after: 0) { position } }"
        async with client.follow(query) as over_socket, client.listen(query) as over_sse:
            await take(over_socket, 1)
            await take(over_sse, 1)
            stop.set()
            async with asyncio.timeout(120):
                await serving
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR], caplog.text


async def test_a_taken_port_is_named(settings: ApiSettings, log: Log) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        taken = ApiSettings(settings.postgres_dsn, settings.tokens_file, graphql_port=port)
        with pytest.raises(PortTakenError, match=str(port)):
            await service.run(taken, asyncio.Event())
