"""`/healthz` (the process runs; asks nobody) and `/readyz` (the log and the broker answer), for a kubelet or a load balancer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

logger = logging.getLogger(__name__)

_WITHIN: Final = 5.0
"""Seconds for a request and its answer."""
_MAX_REQUEST: Final = 8 * 1024


async def serve_health(host: str, port: int, is_ready: Callable[[], Awaitable[bool]]) -> None:
    """Serve, for ever. Raises ``OSError`` when the port is taken."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_WITHIN):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(await _status(request, is_ready)))
                await writer.drain()
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError) as exc:
            logger.debug("a health request ended early: %r", exc)
        finally:
            writer.close()

    server = await asyncio.start_server(answer, host, port, limit=_MAX_REQUEST)
    async with server:
        await server.serve_forever()


async def _status(request: bytes, is_ready: Callable[[], Awaitable[bool]]) -> str:
    match request.split(b" ", 2)[:2]:
        case [b"GET", b"/healthz"]:
            return "200 OK"
        case [b"GET", b"/readyz"]:
            return "200 OK" if await is_ready() else "503 Service Unavailable"
        case [b"GET", _]:
            return "404 Not Found"
        case _:
            return "405 Method Not Allowed"


def _response(status: str) -> bytes:
    body = f"{status[4:]}\n"
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return (head + body).encode()
