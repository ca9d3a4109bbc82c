"""A client of the read API: questions over HTTP, subscriptions over WebSocket and server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

READER, OPERATOR = "token-of-a-reader", "token-of-an-operator"


class GraphQLClient:
    def __init__(self, http: httpx2.AsyncClient, port: int, token: str) -> None:
        self.http = http
        self.port = port
        self.token = token

    def as_(self, token: str) -> GraphQLClient:
        """The same with another token."""
        return GraphQLClient(self.http, self.port, token)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    async def post(self, query: str, variables: dict[str, Any] | None = None) -> httpx2.Response:
        return await self.http.post(self.url, json={"query": query, "variables": variables}, headers=self.headers)

    async def ask(self, query: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        answer = (await self.post(query, variables)).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def error(self, query: str, **variables: Any) -> dict[str, Any]:
        """The first error of an answer: its extensions, and its message."""
        answer = (await self.post(query, variables)).json()
        first: dict[str, Any] = answer["errors"][0]
        return {"message": first["message"], **first.get("extensions", {})}

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[ClientConnection]:
        async with connect(
            f"ws://127.0.0.1:{self.port}/graphql", subprotocols=[Subprotocol("graphql-transport-ws")]
        ) as socket:
            yield socket

    @asynccontextmanager
    async def follow(self, query: str, **variables: Any) -> AsyncIterator[AsyncIterator[Any]]:
        """Payloads of a subscription over a WebSocket: of its one field, as they come."""
        async with self.socket() as socket:
            await send(socket, type="connection_init", payload={"authorization": f"Bearer {self.token}"})
            assert (await receive(socket))["type"] == "connection_ack"
            await send(socket, type="subscribe", id="1", payload={"query": query, "variables": variables})
            yield _payloads(socket)

    @asynccontextmanager
    async def listen(self, query: str, **variables: Any) -> AsyncIterator[AsyncIterator[Any]]:
        """The same over server-sent events."""
        headers = {**self.headers, "accept": "text/event-stream"}
        body = {"query": query, "variables": variables}
        async with self.http.stream("POST", self.url, json=body, headers=headers) as response:
            assert response.headers["content-type"].startswith("text/event-stream"), await response.aread()
            yield _events(response)


async def send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def receive(socket: ClientConnection) -> Any:
    async with asyncio.timeout(120):
        return json.loads(await socket.recv())


async def _payloads(socket: ClientConnection) -> AsyncIterator[Any]:
    while True:
        message = await receive(socket)
        if message["type"] == "ping":  # the server's heartbeat
            await socket.send(json.dumps({"type": "pong"}))
            continue
        assert message["type"] == "next", message
        yield _only(message["payload"])


async def _events(response: httpx2.Response) -> AsyncIterator[Any]:
    async for line in response.aiter_lines():
        if line.startswith("data: {"):
            yield _only(json.loads(line.removeprefix("data: ")))


def _only(payload: dict[str, Any]) -> Any:
    assert not payload.get("errors"), payload
    (value,) = payload["data"].values()
    return value


async def take(payloads: AsyncIterator[Any], count: int) -> list[Any]:
    """The next so many."""
    async with asyncio.timeout(120):
        return [await anext(payloads) for _ in range(count)]
