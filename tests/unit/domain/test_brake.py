"""How many repairs are allowed at once and in an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from aetherius.domain.brake import ActionLimits, Admission, Limits, verdict

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
LIMITS = Limits(cluster_at_once=3, namespace_at_once=2, cluster_an_hour=6, namespace_an_hour=4)
ACTION = ActionLimits(at_once=1, an_hour=3)


def admission(number: int, **changes: Any) -> Admission:
    fields: dict[str, Any] = {
        "remediation_id": UUID(int=number),
        "cluster_id": "north",
        "namespace": f"space-{number}",
        "action": f"Action{number}",
        "by_person": False,
        "approved_at": NOW,
    }
    return Admission(**{**fields, **changes})


def begun(number: int, ago: float = 60.0, **changes: Any) -> Admission:
    return admission(number, begun_at=NOW - timedelta(seconds=ago), **changes)


def ended(number: int, ago: float = 60.0, **changes: Any) -> Admission:
    return begun(number, ago, ended_at=NOW - timedelta(seconds=ago / 2), **changes)


WANTED = admission(99, namespace="shop", action="DrainNode")


def said(*known: Admission, wanted: Admission = WANTED) -> str:
    return verdict(wanted, known, LIMITS, ACTION, NOW).says


def test_the_first_may_go() -> None:
    assert said() == "go"


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ([begun(1), begun(2)], "go"),
        ([begun(1), begun(2), begun(3)], "wait"),
        ([begun(1, namespace="shop")], "go"),
        ([begun(1, namespace="shop"), begun(2, namespace="shop")], "wait"),
        ([begun(1, action="DrainNode")], "wait"),
        ([ended(1, action="DrainNode")], "go"),
        ([ended(n, action="DrainNode") for n in range(3)], "refuse"),
        ([ended(n, ago=3600, action="DrainNode") for n in range(3)], "go"),
        ([ended(n, namespace="shop") for n in range(4)], "refuse"),
        ([ended(n) for n in range(5)], "go"),
        ([ended(n) for n in range(6)], "refuse"),
        ([begun(n, cluster_id="south", namespace="shop", action="DrainNode") for n in range(9)], "go"),
        ([admission(n, namespace="shop", action="DrainNode") for n in range(9)], "go"),
    ],
)
def test_limits(known: list[Admission], says: str) -> None:
    assert said(*known) == says


def test_a_storm_is_told_before_a_queue() -> None:
    assert said(*[begun(n) for n in range(6)]) == "refuse"


def test_the_hour_does_not_bind_a_person_but_the_moment_does() -> None:
    wanted = admission(99, namespace="shop", action="DrainNode", by_person=True)
    assert said(*[ended(n) for n in range(6)], wanted=wanted) == "go"
    assert said(*[begun(n) for n in range(6)], wanted=wanted) == "wait"


def test_nodes_are_in_no_namespace_together() -> None:
    wanted = admission(99, namespace="", action="DrainNode")
    assert said(begun(1, namespace=""), begun(2, namespace=""), wanted=wanted) == "go"


def test_the_reason_names_limit_and_place() -> None:
    found = verdict(WANTED, [begun(1, action="DrainNode")], LIMITS, ACTION, NOW)
    assert found.why == "1 DrainNode in cluster north are under way, 1 are allowed at once"


def test_what_no_limit_counts_is_forgotten() -> None:
    hour = timedelta(hours=1)
    assert ended(1, ago=60).forgotten(NOW + 2 * hour)
    assert not ended(1, ago=60).forgotten(NOW)
    assert not begun(1).forgotten(NOW + 100 * hour)
    assert not admission(1).forgotten(NOW + 100 * hour)
    assert not ended(1, clean_up_held=True).forgotten(NOW + 100 * hour)


def test_an_action_may_be_stricter_and_never_laxer() -> None:
    limits = Limits(action_at_once=2, action_an_hour=10)
    assert limits.of(None) == ActionLimits(at_once=2, an_hour=10)
    assert limits.of(ActionLimits(at_once=1, an_hour=20)) == ActionLimits(at_once=1, an_hour=10)
