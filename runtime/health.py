"""`/healthz` (the process runs; asks nobody), `/readyz` (what it needs answers) and `/metrics`, for a kubelet, a load balancer, and Prometheus."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from aetherius.runtime.errors import PortTakenError

logger = logging.getLogger(__name__)

_WITHIN: Final = 5.0
"""Seconds for a request and its answer."""
_MAX_REQUEST: Final = 8 * 1024


class Health(msgspec.Struct, frozen=True):
    """What a process can be asked."""

    is_ready: Callable[[], Awaitable[bool]]
    metrics: Callable[[], Awaitable[bytes]]
    """In Prometheus's text format."""


@asynccontextmanager
async def health_served(host: str, port: int, health: Health) -> AsyncIterator[None]:
    """Serve inside the block; port 0: do not. Raises ``PortTakenError``."""
    if not port:
        yield
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_WITHIN):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(await _answer(request, health))
                await writer.drain()
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError) as exc:
            logger.debug("a health request ended early: %r", exc)
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, host, port, limit=_MAX_REQUEST)
    except OSError as exc:
        raise PortTakenError(port, "health and metrics") from exc
    async with server:
        yield


async def _answer(request: bytes, health: Health) -> bytes:
    match request.split(b" ", 2)[:2]:
        case [b"GET", b"/healthz"]:
            return _response("200 OK")
        case [b"GET", b"/readyz"]:
            return _response("200 OK" if await health.is_ready() else "503 Service Unavailable")
        case [b"GET", b"/metrics"]:
            return _response("200 OK", await health.metrics(), "text/plain; version=0.0.4; charset=utf-8")
        case [b"GET", _]:
            return _response("404 Not Found")
        case _:
            return _response("405 Method Not Allowed")


def _response(status: str, body: bytes | None = None, kind: str = "text/plain") -> bytes:
    content = f"{status[4:]}\n".encode() if body is None else body
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    return head.encode() + content
