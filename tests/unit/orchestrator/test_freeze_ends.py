"""A freeze whose time is over, and that had marks of ours stay, is ended; any other is left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aetherius.domain import command
from aetherius.domain.freeze import Freeze, Lifted, Scope, Set, freeze_stream
from aetherius.orchestrator.remediation.freeze_ends import end_freezes
from aetherius.readers.testing import START, like
from remediation_case import DRAINED, ENDED, WELL, YES, RemediationCase, phase, succeeded
from story_events import ADA, FIX, INCIDENT, LOOK, REMEDIATION, WORKFLOW, begun, lost_node, proposed, started

NOON = START + timedelta(hours=1)
SCOPE = Scope(cluster_id="north")


def held(scope: Scope = SCOPE, hours: int | None = 1) -> RemediationCase:
    """A drained node is back while a freeze holds: our cordon stays."""
    case = RemediationCase()
    case.given(INCIDENT, lost_node())
    case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
    case.given(REMEDIATION, proposed("DrainNode", kind="Node", name="n1", namespace=""))
    case.when(REMEDIATION, YES)
    case.when(phase("execute"), succeeded(DRAINED))
    case.when(phase("verify"), succeeded(WELL))
    until = START + timedelta(hours=hours) if hours else None
    case.when(freeze_stream(scope), Set(scope=scope, reason="release", by=ADA, until=until))
    case.when(INCIDENT, ENDED)
    case.then_nothing()
    return case


@pytest.mark.parametrize("scope", [SCOPE, Scope()])
def test_the_end_of_its_time_is_written_and_our_marks_come_off(scope: Scope) -> None:
    case = held(scope)
    case.now = NOON + timedelta(seconds=1)
    assert end_freezes(case.log, "north", "", case.now) == 1
    case.go_on()
    case.then(like(command.Issued, step_id="restore"))
    assert isinstance(case.log.stream(freeze_stream(scope))[-1].event, Lifted)


def test_before_its_end_nothing_is_written() -> None:
    case = held()
    assert end_freezes(case.log, "north", "", NOON - timedelta(seconds=1)) == 0


def test_one_without_an_end_is_a_persons() -> None:
    case = held(hours=None)
    assert end_freezes(case.log, "north", "", NOON + timedelta(days=9)) == 0
    assert case.log.load(Freeze, freeze_stream(SCOPE)).present is not None


def test_of_a_cluster_that_nobody_knows_the_wide_ones_are_ended() -> None:
    case = held(Scope())
    assert end_freezes(case.log, "elsewhere", "shop", NOON + timedelta(seconds=1)) == 1
