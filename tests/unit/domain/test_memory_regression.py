"""A release to whose account kills for memory are put: going back is asked of a person, and the limit is not raised."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aetherius.domain.diagnosis.evidence import About, EvidenceFile, Sign
from aetherius.domain.diagnosis.memory_regression import CAUSE, FRESH
from aetherius.domain.diagnosis.verdict import Verdict
from aetherius.domain.fault.crash_loop import ENTRY as CRASH_LOOP
from aetherius.domain.fault.faults import shipped_faults
from aetherius.domain.wire.analysis import RootCause
from aetherius.domain.wire.event import Labels, RawData
from evidence_builders import revision, rollout

MADE = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def killed(after: timedelta, container: str = "app") -> list[Sign]:
    """A loop of kills, the first so long after the release."""
    pod = Labels(kind="Pod", name="web-1", owner_kind="Deployment", owner_name="web")
    told = [
        RawData(
            container=container, exit_code=137, memory_limit="64Mi", last_timestamp=MADE + after + timedelta(seconds=n)
        )
        for n in (0, 20)
    ]
    kills = [Sign(reason="OOMKilled", message="killed", labels=pod, raw_data=raw) for raw in told]
    return [
        *kills,
        Sign(reason="CrashLoopBackOff", message="back-off", labels=pod, raw_data=RawData(container=container)),
    ]


def judged(before: Any, current: Any, after: timedelta = timedelta(minutes=5), **history: Any) -> Verdict:
    about = About(namespace="shop", kind="Deployment", name="web", symptom="crash_loop", pod="web-1")
    outputs = {"rollout": rollout(before, current, **history)}
    return CRASH_LOOP.judge(EvidenceFile(about=about, signs=killed(after), outputs=outputs))


def release(number: int, image: str, limit: str | None = "64Mi", **changes: Any) -> Any:
    limits = {} if limit is None else {"memory_limits": {"app": limit}}
    created = MADE.isoformat() if number == 2 else "2026-11-01T00:00:00Z"
    return revision(number, image, **{"was_available": number == 1, "created_at": created, **limits, **changes})


def actions(found: Verdict) -> list[str]:
    return [each.action for each in found.recommendations]


def test_a_release_that_is_killed_where_the_last_one_ran_is_taken_back_by_a_person() -> None:
    found = judged(release(1, "web:1"), release(2, "web:2"))
    assert found.type == CAUSE
    assert actions(found) == ["RollbackDeployment"]
    assert found.recommendations[0].parameters == {
        "name": "web",
        "to_revision": 1,
        "expected_revision": 2,
        "only_images": True,
    }
    assert "revision 2 changed app: web:1 -> web:2" in found.evidence[-1].finding
    assert shipped_faults().code_of(RootCause(type=CAUSE, confidence=0.9), 0.6) == "OOM"


def test_limits_that_nobody_told_count_as_the_same() -> None:
    assert judged(release(1, "web:1", None), release(2, "web:2", None)).type == CAUSE
    assert judged(release(1, "web:1", "x"), release(2, "web:2")).type == CAUSE


@pytest.mark.parametrize(
    ("before", "current", "why"),
    [
        (release(1, "web:1"), release(2, "web:1"), "the same image"),
        (release(1, "web:1", "128Mi"), release(2, "web:2", "64Mi"), "the limit was lowered"),
        (release(1, "web:1", ""), release(2, "web:2", "64Mi"), "a limit was set"),
        (release(1, "web:1", was_available=False), release(2, "web:2"), "nobody knows that the last one ran"),
        (release(1, "web:1"), release(2, "web:2", created_at=""), "nobody knows when it came"),
        (release(1, "web:1"), release(2, "web:2", created_at="2026-11-24T02:00:00"), "a time of no zone"),
        (release(1, "web:1", images={"other": "web:1"}), release(2, "web:2"), "the container is new"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_is_no_releases_doing_is_the_limits(before: Any, current: Any, why: str) -> None:
    found = judged(before, current)
    assert found.type == "OOMKiller", why
    assert actions(found) == ["UpdateResourceLimits"]


@pytest.mark.parametrize("after", [FRESH + timedelta(minutes=1), timedelta(minutes=-5)])
def test_kills_long_after_it_or_before_it_are_not_its_doing(after: timedelta) -> None:
    assert judged(release(1, "web:1"), release(2, "web:2"), after).type == "OOMKiller"


def test_what_a_tool_keeps_is_left_to_it() -> None:
    found = judged(release(1, "web:1"), release(2, "web:2"), managed_by="argocd")
    assert (found.type, actions(found)) == (CAUSE, [])
    assert found.evidence[-1].finding == "managed by argocd: repair it in its repository"
