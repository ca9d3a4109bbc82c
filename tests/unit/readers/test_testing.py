"""The harness that stories are told with fails where a process manager breaks what a reader promises."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest

from aetherius.domain.agent import Agent, CameBack, GapDetected, WentOffline
from aetherius.domain.event import Cause, Recorded
from aetherius.event_store.memory import MemoryLog
from aetherius.readers.errors import UnsavedDecisionsError
from aetherius.readers.testing import Clock, ProcessCase, like
from aetherius.readers.unit import Unit

ID = UUID(int=1)
GAP = GapDetected(cluster_id="c1", epoch=1, first=1, last=1)


class Notes:
    """Notes for each gap that the agent went offline."""

    name, topics = "manager", (GapDetected.topic,)

    def __init__(self, log: MemoryLog, clock: Clock) -> None:
        self._clock = clock

    def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
        for recorded in batch:
            agent = unit.get(Agent, recorded.stream_id)
            agent.record(WentOffline(cluster_id="c1", last_heartbeat=self._clock()), self._clock())
            self.save(agent, recorded, unit)

    def save(self, agent: Agent, recorded: Recorded, unit: Unit) -> None:
        unit.save(agent, recorded.cause.then("system:manager", recorded.id))


def test_a_story_is_told_in_three_steps() -> None:
    case = ProcessCase(Notes)
    case.given(ID, GAP)
    case.pass_time(60)
    case.when(ID, GAP)
    case.then(WentOffline(cluster_id="c1", last_heartbeat=case.now))
    assert [recorded.version for recorded in case.log.stream(ID)] == [1, 2, 3]


def test_what_was_given_leads_to_nothing() -> None:
    case = ProcessCase(Notes)
    case.given(ID, GAP)
    assert case.go_on() == []
    case.then_nothing()


@pytest.mark.parametrize("expected", [[], [CameBack], [like(WentOffline, cluster_id="c2")], [WentOffline, WentOffline]])
def test_what_was_not_decided_is_told_beside_what_was(expected: list[type[WentOffline]]) -> None:
    case = ProcessCase(Notes)
    case.when(ID, GAP)
    with pytest.raises(AssertionError, match="decided:\nWentOffline"):
        case.then(*expected)


def test_an_expected_event_says_what_matters_of_it() -> None:
    assert repr(like(WentOffline, cluster_id="c2")) == "Agent.WentOffline(cluster_id='c2', ...)"


def test_one_that_remembers_a_batch_is_found_out() -> None:
    class Remembering(Notes):
        count = 0

        def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
            self.count += 1
            super().react(batch[: self.count % 2], unit)

    with pytest.raises(AssertionError, match="decides otherwise when a batch comes again"):
        ProcessCase(Remembering).when(ID, GAP)


def test_one_that_does_not_say_why_is_found_out() -> None:
    class Silent(Notes):
        def save(self, agent: Agent, recorded: Recorded, unit: Unit) -> None:
            unit.save(agent, Cause(actor="system:manager", causation_id=UUID(int=9)))

    with pytest.raises(AssertionError, match="does not say what led to it"):
        ProcessCase(Silent).when(ID, GAP)


def test_one_that_does_not_save_is_found_out() -> None:
    class Forgetful(Notes):
        def save(self, agent: Agent, recorded: Recorded, unit: Unit) -> None:
            pass

    with pytest.raises(UnsavedDecisionsError):
        ProcessCase(Forgetful).when(ID, GAP)


def test_one_that_asks_for_sql_is_told_what_to_do() -> None:
    class Asking(Notes):
        def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
            unit.select("SELECT 1")

    class Writing(Notes):
        def react(self, batch: Sequence[Recorded], unit: Unit) -> None:
            unit.rows(lambda cursor: cursor.execute("SELECT 1"))

    for manager in (Asking, Writing):
        with pytest.raises(NotImplementedError, match="knows no SQL"):
            ProcessCase(manager).when(ID, GAP)
