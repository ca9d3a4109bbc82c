"""How far the log is anchored is told by whoever anchors it, and by nobody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY

from aetherius.event_store.anchor_metrics import expect_anchors, forget_anchors, measure_anchors, note_anchored


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Metrics are the process's: leave none."""
    yield
    forget_anchors()


def missing(place: str) -> float | None:
    measure_anchors(10)
    return REGISTRY.get_sample_value("aetherius_anchor_missing_events", {"place": place})


def age(place: str) -> float | None:
    measure_anchors(10)
    return REGISTRY.get_sample_value("aetherius_anchor_age_seconds", {"place": place})


def test_a_place_is_told_of_once_heads_are_noted_there() -> None:
    expect_anchors("file")
    assert age("file") is not None
    assert missing("file") is None
    note_anchored("file", 7)
    assert missing("file") == 3


def test_a_round_that_ends_after_its_leader_was_stopped_tells_nothing() -> None:
    expect_anchors("file")
    forget_anchors()
    note_anchored("file", 10)
    assert age("file") is None
    assert missing("file") is None
