"""A log on a database of its own, and its signal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aetherius.cli.tables import create_tables
from aetherius.event_store.log import Log
from aetherius.projections import schema
from log_history import History
from read_model_checks import follow
from sealed_state import SEALING


@pytest.fixture
def log(dsn: str) -> Iterator[Log]:
    create_tables(dsn)
    with Log(dsn, sealing=SEALING) as log:
        yield log


@pytest.fixture
def history(dsn: str, log: Log) -> History:
    """A random one, with the read models of it."""
    schema.create(dsn)
    history = History(log, 21)
    history.go_on(60)
    follow(log, dsn)
    return history
