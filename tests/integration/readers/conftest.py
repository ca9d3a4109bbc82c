"""A log on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aetherius.event_store import schema
from aetherius.event_store.log import Log
from aetherius.readers.schema import ROOM
from aetherius.runtime.migrations.migrate import migrate


@pytest.fixture
def log(dsn: str) -> Iterator[Log]:
    schema.create(dsn)
    migrate(dsn, [ROOM])
    with Log(dsn) as log:
        yield log
