"""A log on a database of its own, and its signal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aetherius.event_store import schema as log_schema
from aetherius.event_store.log import Log
from sealed_state import SEALING


@pytest.fixture
def log(dsn: str) -> Iterator[Log]:
    log_schema.create(dsn)
    with Log(dsn, sealing=SEALING) as log:
        yield log
