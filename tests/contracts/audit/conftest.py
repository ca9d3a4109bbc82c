"""A log on a database of its own, and builders of events."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aetherius.cli.tables import create_tables
from aetherius.event_store.log import Log
from log_events import Events
from sealed_state import SEALING


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def log(dsn: str) -> Iterator[Log]:
    create_tables(dsn)
    with Log(dsn, sealing=SEALING) as log:
        yield log
