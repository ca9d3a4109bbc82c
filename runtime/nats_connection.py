"""A service's connection to NATS: named, reconnecting for ever, bounded, and flushed at the end.

It is not the library's `drain` that ends it: that waits in vain for a pull subscription that was left with a status message unread, as any is after a
fetch that timed out. A service finishes its own work first (pull consumers stop fetching; a subscription with a callback is drained by who made it).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit

import msgspec
import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError

logger = logging.getLogger(__name__)

_PENDING_SIZE = 8 * 2**20
"""Bytes kept for the server while it is away; more is refused with OutboundBufferLimitError, for the caller to slow down or spool."""


@asynccontextmanager
async def connect(
    url: str,
    name: str,
    *,
    user: str | None = None,
    password: str | None = None,
    inbox_prefix: str = "_INBOX",
    connect_within: float | None = 30.0,
    drain_within: float = 5.0,
) -> AsyncIterator[Client]:
    """A connection for the length of the block; on leaving, what was published is sent.

    Args:
        url: `nats://[user:password@]host:port`; user and password may stand there or apart.
        name: who we are, shown by the server.
        connect_within: seconds to wait for the first connection; None: for ever (an agent waits, a service complains).
        drain_within: seconds for sending what is unsent on leaving; the rest is dropped, with a warning.

    Raises:
        TimeoutError: no server within `connect_within`. Safe to repeat.
        nats.errors.Error: the server refuses the user. Repeating changes nothing.
    """
    address, url_user, url_password = _split(url)
    async with asyncio.timeout(connect_within):
        client = await nats.connect(
            address,
            name=name,
            user=user or url_user,
            password=password or url_password,
            inbox_prefix=inbox_prefix,
            pending_size=_PENDING_SIZE,
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            ping_interval=20,
            error_cb=_report,
            disconnected_cb=_disconnected,
            reconnected_cb=_reconnected,
        )
    try:
        yield client
    finally:
        await _leave(client, drain_within)


async def can_log_in(url: str, user: str, password: str) -> bool:
    """Whether a server answers there and takes this user; never waits longer than two seconds.

    Speaks the few words of the protocol itself: the library leaves a connection open behind a refusal.
    """
    address = urlsplit(url)
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                login = msgspec.json.encode({"user": user, "pass": password, "verbose": False, "lang": "python"})
                writer.write(b"CONNECT " + login + b"\r\nPING\r\n")
                await reader.readline()  # INFO
                return (await reader.readline()).startswith(b"PONG")
            finally:
                writer.close()
                await writer.wait_closed()
    except (OSError, TimeoutError):
        return False


def _split(url: str) -> tuple[str, str | None, str | None]:
    """Address, user and password of a URL: the library would show the whole URL in its errors."""
    parts = urlsplit(url)
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return f"{parts.scheme}://{parts.hostname}:{parts.port or 4222}", user, password


async def _leave(client: Client, within: float) -> None:
    if client.is_closed:
        return
    try:
        async with asyncio.timeout(within):
            await client.flush()
    except (TimeoutError, NatsError) as exc:
        logger.warning("left NATS without knowing that all was sent", extra={"reason": repr(exc)})
    finally:
        with contextlib.suppress(ConnectionError):  # the library sends a last word, to a server that may have gone
            await client.close()


async def _report(error: Exception) -> None:
    logger.warning("NATS reports an error", extra={"error": repr(error)})


async def _disconnected() -> None:
    logger.info("disconnected from NATS")


async def _reconnected() -> None:
    logger.info("reconnected to NATS")
