"""Changing an aggregate by hand: what it decides is the next step of its story, and whoever was faster is decided on again."""

from __future__ import annotations

from uuid import uuid4

import pytest

from aetherius.domain.agent import Agent, GapDetected, WentOffline
from aetherius.domain.aggregate import Aggregate
from aetherius.domain.event import Cause
from aetherius.domain.incident import Incident
from aetherius.event_store.change import begin_or_change, change
from aetherius.event_store.errors import StreamNotFoundError, VersionConflictError
from aetherius.event_store.memory import MemoryLog
from event_builders import NOON, a_gap


class RacedLog(MemoryLog):
    """Others are faster, so many times."""

    def __init__(self, races: int) -> None:
        super().__init__()
        self.races = races

    def save(self, aggregate: Aggregate, cause: Cause) -> int:
        if self.races:
            self.races -= 1
            raise VersionConflictError(aggregate.id, aggregate.version)
        return super().save(aggregate, cause)


def go_offline(agent: Agent) -> None:
    agent.record(WentOffline(cluster_id="c1", last_heartbeat=NOON), NOON)


def nothing(agent: Agent) -> None:
    """Decides nothing."""


@pytest.mark.parametrize("act", [change, begin_or_change])
@pytest.mark.parametrize("races", [0, 4])
def test_a_decision_goes_on_with_the_story_however_often_others_were_faster(act: object, races: int) -> None:
    log = RacedLog(races)
    log.append([gap := a_gap("c1")])
    assert act(log, Agent, gap.stream_id, "user:ada", go_offline) == 2  # type: ignore[operator]
    first, second = log.stream(gap.stream_id)
    assert isinstance(second.event, WentOffline)
    assert second.cause.actor == "user:ada"
    assert (second.cause.correlation_id, second.cause.causation_id) == (first.id, first.id)


@pytest.mark.parametrize(("act", "attempts"), [(change, 5), (begin_or_change, 6)])
def test_after_several_races_it_says_so(act: object, attempts: int) -> None:
    log = RacedLog(attempts)
    log.append([gap := a_gap("c1")])
    with pytest.raises(VersionConflictError):
        act(log, Agent, gap.stream_id, "user:ada", go_offline)  # type: ignore[operator]
    assert log.races == 0


@pytest.mark.parametrize("act", [change, begin_or_change])
def test_nothing_decided_writes_nothing(act: object) -> None:
    log = MemoryLog()
    log.append([gap := a_gap("c1")])
    assert act(log, Agent, gap.stream_id, "user:ada", nothing) == 1  # type: ignore[operator]
    assert log.head() == 1


def test_one_that_is_not_there_or_is_something_else_is_not_changed() -> None:
    log = MemoryLog()
    log.append([gap := a_gap("c1")])
    for cls, id in ((Agent, uuid4()), (Incident, gap.stream_id)):
        with pytest.raises(StreamNotFoundError):
            change(log, cls, id, "user:ada", lambda aggregate: None)


def test_one_that_is_not_there_is_begun() -> None:
    log, id = MemoryLog(), uuid4()
    assert begin_or_change(log, Agent, id, "user:ada", nothing) == 0

    def detect(agent: Agent) -> None:
        agent.record(GapDetected(cluster_id="c1", epoch=1, first=1, last=1), NOON)

    assert begin_or_change(log, Agent, id, "user:ada", detect) == 1
    (recorded,) = log.stream(id)
    assert recorded.cause.correlation_id == id
