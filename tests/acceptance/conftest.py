"""Whole installations on real processes. One at a time on a machine: what is told here of seconds holds for a machine that does nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from crash_site import CrashSite
from installation import Installation


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Waiting for another run of these tests, in a fixture, is no fault: only the tests themselves have a time limit."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(600, func_only=True))


@pytest.fixture
def installation(alone: None, open_folder: Path) -> Iterator[Installation]:
    """A new installation, not yet started; nothing of it is left after the test."""
    made = Installation(open_folder / f"up-{uuid.uuid4().hex[:6]}")
    yield made
    made.stop()
    assert made.remains() == []


@pytest.fixture(scope="module")
def site(alone: None, open_folder: Path) -> Iterator[CrashSite]:
    """An installation with one simulated cluster and its agent, shared by the tests of a module; each uses a namespace of its own."""
    with CrashSite(open_folder / f"site-{uuid.uuid4().hex[:6]}").running() as site:
        yield site


@pytest.fixture
def space() -> str:
    """A namespace of the test's own."""
    return f"shop-{uuid.uuid4().hex[:6]}"
