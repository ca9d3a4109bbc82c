"""A subscription that finds nothing still tells how far it has come, over both transports, and a client goes on from there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest

from aetherius.api.settings import ApiSettings
from aetherius.event_store.log import Log
from graphql_client import GraphQLClient, receive, send
from log_history import History

pytestmark = pytest.mark.anyio

NOBODY = 'subscription { incidents(after: 0, filter: {clusterId: "nowhere"}) { position } }'
ALL = "subscription { log(after: 0) { position } }"


@pytest.fixture
def settings(settings: ApiSettings) -> ApiSettings:
    return replace(settings, heartbeat=0.2, cors_origins="https://console.example")


async def _events(client: GraphQLClient, query: str, **headers: str) -> AsyncIterator[dict[str, str]]:
    """Blocks of a stream of server-sent events, comments left out."""
    sent = {**client.headers, "accept": "text/event-stream", **headers}
    async with client.http.stream("POST", client.url, json={"query": query}, headers=sent) as response:
        block: dict[str, str] = {}
        async for line in response.aiter_lines():
            if line:
                name, _, value = line.partition(":")
                block |= {name: value.strip()} if name else {}
            else:
                yield block
                block = {}


async def test_a_stream_of_events_tells_its_position_while_nothing_comes(
    client: GraphQLClient, history: History, log: Log
) -> None:
    for _ in range(3):
        history.open_incident()
    async with asyncio.timeout(20):
        async for block in _events(client, NOBODY):
            if block.get("id") == str(log.head()):
                assert "data" not in block
                break
        history.report()
        async for block in _events(client, NOBODY):
            if block.get("id") == str(log.head()):
                break


async def test_a_stream_goes_on_after_the_last_event_that_was_seen(
    client: GraphQLClient, history: History, log: Log
) -> None:
    for _ in range(3):
        history.report()
    seen = []
    async with asyncio.timeout(20):
        async for block in _events(client, ALL, **{"last-event-id": "1"}):
            if "data" in block:
                seen.append(block["id"])
            if len(seen) == 2:
                break
    assert seen == ["2", "3"]
    for wrong in ("x", "-1", "9" * 30, "1.5"):
        headers = {**client.headers, "accept": "text/event-stream", "last-event-id": wrong}
        answer = await client.http.post(client.url, json={"query": ALL}, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["field"]) == (400, "Last-Event-ID")


async def test_a_socket_tells_the_position_of_each_subscription(
    client: GraphQLClient, history: History, log: Log
) -> None:
    history.open_incident()
    async with client.socket() as socket:
        await send(socket, type="connection_init", payload={"authorization": f"Bearer {client.token}"})
        await receive(socket)
        await send(socket, type="subscribe", id="quiet", payload={"query": NOBODY})
        positions: dict[str, int] = {}
        while positions.get("quiet") != log.head():
            message = await receive(socket)
            assert message["type"] == "ping"
            positions = message["payload"]["positions"]
        history.open_incident("oslo")
        while positions["quiet"] != log.head():
            positions = (await receive(socket))["payload"]["positions"]


async def test_pages_of_the_origins_that_are_named_may_ask(client: GraphQLClient) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization, last-event-id"}
    for path in ("/graphql", "/api/v1/audit"):
        url = f"http://127.0.0.1:{client.port}{path}"
        allowed = await client.http.options(url, headers={"origin": "https://console.example", **asked})
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://console.example"
        refused: httpx2.Response = await client.http.options(url, headers={"origin": "https://evil.example", **asked})
        assert "access-control-allow-origin" not in refused.headers
        plain = await client.http.options(url)
        assert (plain.status_code, "GET" in plain.headers["allow"]) == (204, True)
    headers = {**client.headers, "origin": "https://console.example"}
    answer = await client.http.post(client.url, json={"query": "{ head }"}, headers=headers)
    assert answer.headers["access-control-allow-origin"] == "https://console.example"
