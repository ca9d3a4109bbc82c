"""Servers of a test's own, and what reads the log on them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from aetherius.event_store.log import Log
from aetherius.event_store.subscription import LogSignal
from aetherius.projections.models import MODELS
from aetherius.projections.versioned_rows import VersionedRows
from aetherius.readers.projecting import Projecting
from aetherius.readers.runner import Runner
from postgres_site import PostgresSite
from sealed_state import SEALING

Project = Callable[[str], None]


@pytest.fixture
async def site(open_folder: Path) -> AsyncIterator[PostgresSite]:
    """PostgreSQL servers, stopped at the end."""
    site = PostgresSite(open_folder / f"site-{uuid.uuid4().hex[:8]}")
    yield site
    await site.close()


@pytest.fixture
def project() -> Project:
    """Brings every read model up to the log's end."""

    def project(dsn: str) -> None:
        with Log(dsn, sealing=SEALING) as log:
            for model in MODELS:
                runner = Runner(log, Projecting(VersionedRows(model)), LogSignal(dsn))
                while runner.step() is not None:
                    pass
                assert runner.state.position == log.head(), runner.state

    return project
