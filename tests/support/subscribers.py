"""Many subscribers of the read API, each on a connection of its own: over WebSocket or server-sent events, reading, coming back, or not reading at all."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

PAGES = """subscription($after: Position, $filter: EventFilter) { eventPages(after: $after, filter: $filter) {
  position live events { changedAtPosition clusterId reason message } } }"""


class Subscriber:
    """Follows the reports of one cluster, or of all."""

    def __init__(self, port: int, token: str, cluster: str | None, *, sse: bool, after: int = 0) -> None:
        self.cluster = cluster
        self.positions: list[int] = []
        """Of every event that came, in order of arrival."""
        self.caught_up_by_itself = 0
        """Payloads that were not live."""
        self.connections = 0
        self._after = after
        self._port = port
        self._token = token
        self._sse = sse

    async def run(self, leave_after: int = 0) -> None:
        """Read for ever; come back when the connection ends, and, with `leave_after`, once on purpose after so many events."""
        while True:
            self.connections += 1
            async with self._payloads() as payloads:
                try:
                    async for payload in payloads:
                        self._take(payload)
                        if self.connections == 1 and 0 < leave_after <= len(self.positions):
                            break
                except (ConnectionClosed, asyncio.IncompleteReadError, ConnectionError):
                    continue

    def _take(self, payload: dict[str, Any]) -> None:
        assert not payload.get("errors"), payload
        page = payload["data"]["eventPages"]
        self.caught_up_by_itself += not page["live"]
        self.positions += [event["changedAtPosition"] for event in page["events"]]

    @property
    def _variables(self) -> dict[str, Any]:
        after = self.positions[-1] if self.positions else self._after
        return {"after": after, "filter": {"clusterId": self.cluster} if self.cluster else {}}

    def _payloads(self) -> Any:
        return self._listening() if self._sse else self._following()

    @asynccontextmanager
    async def _following(self) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        url, protocol = f"ws://127.0.0.1:{self._port}/graphql", Subprotocol("graphql-transport-ws")
        async with connect(
            url, subprotocols=[protocol], max_size=None, compression=None, open_timeout=60, ping_interval=None
        ) as opened:
            await opened.send(
                json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {self._token}"}})
            )
            assert json.loads(await opened.recv())["type"] == "connection_ack"
            payload = {"query": PAGES, "variables": self._variables}
            await opened.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))

            async def payloads() -> AsyncIterator[dict[str, Any]]:
                async for text in opened:
                    message = json.loads(text)
                    if message["type"] == "ping":  # the server's heartbeat
                        await opened.send(json.dumps({"type": "pong"}))
                        continue
                    assert message["type"] == "next", message
                    yield message["payload"]

            yield payloads()

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        writer.write(request_of(self._token, self._variables))

        async def payloads() -> AsyncIterator[dict[str, Any]]:
            while line := await reader.readline():
                if line.startswith(b"data: {"):
                    yield json.loads(line.removeprefix(b"data: "))

        try:
            yield payloads()
        finally:
            await _hang_up(writer)


def request_of(token: str, variables: dict[str, Any]) -> bytes:
    """The request that begins a stream of server-sent events."""
    body = json.dumps({"query": PAGES, "variables": variables}).encode()
    head = (
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a connection, and see it closed: what is left open fails the next test."""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


class Stalled:
    """Asks for everything over server-sent events, and does not read. Its system keeps as little as it can for it."""

    def __init__(self, port: int, token: str) -> None:
        self.positions: list[int] = []
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            self._socket.connect(("127.0.0.1", port))
            self._socket.sendall(request_of(token, {"after": 0, "filter": {}}))
        except BaseException:
            self._socket.close()
            raise

    async def read(self, enough: Callable[[list[int]], bool]) -> None:
        """Begin to read, until it is enough."""
        self._socket.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=self._socket, limit=2**24)
        try:
            while not enough(self.positions):
                self._take(await reader.readline())
        finally:
            await _hang_up(writer)

    def _take(self, line: bytes) -> None:
        assert line, "the server ended it"
        if line.startswith(b"data: {"):
            page = json.loads(line.removeprefix(b"data: "))["data"]["eventPages"]
            self.positions += [event["changedAtPosition"] for event in page["events"]]

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
