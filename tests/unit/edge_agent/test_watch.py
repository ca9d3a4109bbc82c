"""How a watch rests between two streams: not at all to speak of after one that lived, longer and longer after those that did not."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import pytest

from aetherius.edge_agent.errors import ClusterUnreachableError, WatchCutError, WatchExpiredError
from aetherius.edge_agent.kubernetes_api import ListPage, WatchLine
from aetherius.edge_agent.kubernetes_objects import Pod
from aetherius.edge_agent.watching.watch import FIRST_REST, LONGEST_PAUSE, Watch


class Clock:
    """Time that passes only when somebody waits, or a stream lives."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Stop(threading.Event):
    """Set after so many waits; waiting takes no time, and is noted."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self._left = waits
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0.0)
        if len(self.waited) >= self._left:
            self.set()
        return self.is_set()


class Streams:
    """An API server whose streams end as they are told: cut, expired, or by themselves, after they lived for so long."""

    def __init__(self, clock: Clock, end: Exception | None, lives: list[float]) -> None:
        self._clock, self._end, self._lives = clock, end, lives
        self.lists = 0
        self.begun: list[str] = []

    def pages(self, path: str) -> Iterator[ListPage]:
        self.lists += 1
        yield msgspec.json.decode(b'{"metadata": {"resourceVersion": "7"}, "items": []}', type=ListPage)

    def watch(self, path: str, version: str, seconds: int, idle: float) -> Any:
        self.begun.append(version)
        return self._read()

    def _read(self) -> Iterator[WatchLine]:
        self._clock.now += self._lives.pop(0) if self._lives else 0.0
        if self._end:
            raise self._end
        yield from ()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    monkeypatch.setattr(random, "uniform", lambda low, high: 1.0)
    return clock


def rests(streams: Streams, count: int) -> list[float]:
    """What a watch on these streams waits between them, the first so many times."""
    stop = Stop(count)
    Watch(cast(Any, streams), "/api/v1/pods", Pod, queue.Queue(), stop).run()
    return stop.waited


@pytest.mark.parametrize("end", [WatchCutError("WATCH /api/v1/pods", "reset"), None])
def test_streams_that_do_not_live_are_begun_less_and_less_often(clock: Clock, end: Exception | None) -> None:
    streams = Streams(clock, end, [])
    waited = rests(streams, 12)
    assert waited[:4] == [FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST, 8 * FIRST_REST]
    assert waited[-1] == LONGEST_PAUSE
    assert streams.lists == 3, "what was cut goes on from where it was, until the silence is not believed any more"


def test_a_history_that_is_always_gone_is_not_listed_without_end(clock: Clock) -> None:
    streams = Streams(clock, WatchExpiredError("WATCH", 410, "Expired", ""), [])
    assert rests(streams, 12)[-1] == LONGEST_PAUSE
    assert streams.lists == 12


def test_a_stream_that_lived_is_followed_by_the_next_one_at_once(clock: Clock) -> None:
    cut = WatchCutError("WATCH /api/v1/pods", "reset")
    assert rests(Streams(clock, cut, [60.0] * 5), 5) == [FIRST_REST] * 5
    assert rests(Streams(clock, cut, [0.0, 0.0, 0.0, 5.0, 0.0]), 5) == [0.1, 0.2, 0.4, 0.1, 0.2]


def test_a_server_that_is_away_is_not_taken_for_a_cut_whatever_its_error_says(clock: Clock) -> None:
    streams = Streams(clock, ClusterUnreachableError("WATCH /api/v1/pods", "no answer"), [])
    rests(streams, 3)
    assert streams.lists == 3, "it may be a younger server when it is back"
