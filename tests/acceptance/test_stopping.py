"""Stopping `aetherius up` at any moment, and starting it twice."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from aetherius.cli.platform import ROOMS
from installation import QUICK, Installation
from processes import Started

MOMENTS = ("starting on", "postgres        starting", f"{ROOMS[0]:<15} starting", f"{ROOMS[0]:<15} ready", "agents    ")


@pytest.fixture(scope="module")
def installation(alone: None, open_folder: Path) -> Iterator[Installation]:
    """One folder for all these tests; the first of them makes the database."""
    made = Installation(open_folder / f"stopping-{uuid.uuid4().hex[:6]}")
    yield made
    made.stop()
    assert made.remains() == []


@pytest.mark.parametrize("words", MOMENTS, ids=lambda words: "-".join(words.split()))
def test_ctrl_c_ends_it_within_ten_seconds_and_leaves_nothing(installation: Installation, words: str) -> None:
    installation.begin().until_it_says(words)
    installation.interrupt()
    assert installation.remains() == []


def test_ctrl_c_ends_a_start_that_hangs(installation: Installation) -> None:
    installation.begin().until_it_says(f"{ROOMS[0]:<15} starting")
    os.kill(installation.pid(ROOMS[0]), signal.SIGSTOP)
    installation.interrupt()
    assert installation.remains() == []


def test_ctrl_c_before_it_has_said_anything_leaves_nothing(installation: Installation) -> None:
    up = installation.begin()
    up.interrupt_until_it_ends(10.0)
    assert installation.remains() == []


def test_a_second_one_on_the_same_folder_is_refused_and_told_who_holds_it(installation: Installation) -> None:
    installation.start()
    assert installation.up is not None
    second = Started(("up", "--data", str(installation.folder.root)), installation.root / "second.log", QUICK)
    assert second.exit_code(10.0) != 0
    assert f"process {installation.up.pid}" in second.said()
    assert "in use" in second.said()
    assert "intact" in installation.audit()
    installation.interrupt()
    assert installation.remains() == []
