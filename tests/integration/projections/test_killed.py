"""The projections' process, killed again and again in the middle of its work."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from aetherius.event_store.log import Log
from aetherius.event_store.subscription import LogSignal
from aetherius.projections import schema
from aetherius.projections.models import MODELS
from aetherius.projections.rebuild import rebuild
from aetherius.projections.versioned_rows import VersionedRows
from aetherius.readers.projecting import Projecting
from aetherius.readers.runner import Runner
from log_history import History
from replay_oracle import LISTS
from stored_rows import all_rows

PROCESS = Path(__file__).with_name("projecting_process.py")


def test_killed_in_the_middle_again_and_again_no_event_is_lost_or_applied_twice(dsn: str, log: Log) -> None:
    schema.create(dsn)
    history = History(log, 7)
    for _ in range(4):
        history.go_on(50)
        enough = versions(dsn) + 15
        process = subprocess.Popen([sys.executable, str(PROCESS), dsn])
        wait_until(lambda enough=enough: versions(dsn) >= enough)  # type: ignore[misc]
        process.kill()
        process.wait()
    for model in MODELS:
        runner = Runner(log, Projecting(VersionedRows(model)), LogSignal(dsn))
        while runner.step() is not None:
            pass
    survived = all_rows(dsn)
    rebuild(dsn, *LISTS)
    assert all_rows(dsn) == survived


def versions(dsn: str) -> int:
    """How many were written so far, over all models."""
    return sum(len(rows) for rows in all_rows(dsn).values())


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
