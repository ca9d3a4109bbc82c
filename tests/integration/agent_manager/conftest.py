"""One site a test: a database and a NATS server of its own, and agent managers that run on them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aetherius.cli.tables import create_tables
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.jetstream.streams import ensure_streams
from aetherius.runtime.nats_connection import connect
from manager_site import Site


@pytest.fixture
async def broker(open_folder: Path) -> AsyncIterator[EmbeddedNats]:
    """A NATS server for one test: the agent manager's consumers have fixed names."""
    server = EmbeddedNats(open_folder / f"nats-{uuid.uuid4().hex[:8]}")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def site(dsn: str, broker: EmbeddedNats, tmp_path: Path) -> AsyncIterator[Site]:
    """Everything that an agent manager needs, without one running."""
    create_tables(dsn)
    async with connect(broker.url, "test") as nats:
        await ensure_streams(nats.jetstream())
        site = Site(dsn, broker.url, nats, tmp_path)
        yield site
        site.log.close()
