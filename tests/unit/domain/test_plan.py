"""A yes is to one plan: to no other, and to none that is not made yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from aetherius.domain.errors import PlanChangedError, WrongStateError
from aetherius.domain.plan import DryRun, Plan, digest_of
from aetherius.domain.remediation import Rejected, Remediation, RemediationStatus
from aetherius.domain.risk import Risk, RiskLevel
from story_events import REMEDIATION, proposed

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
ASKS = Risk(level=RiskLevel.HIGH, reasons=["moves pods"])
PLAN = Plan(number=1, dry_run=DryRun.PASSED, told="raise it", diff=["memory: 64Mi -> 128Mi"], seen=["uid 1"])


def asked(*, plan: Plan | None = PLAN, follows: bool = True) -> Remediation:
    remediation = Remediation(REMEDIATION)
    remediation.propose(proposed("UpdateResourceLimits"), ASKS, NOW, NOW + timedelta(hours=4), plan_follows=follows)
    if plan:
        remediation.plan(plan, NOW)
    return remediation


def digest(remediation: Remediation) -> str:
    assert remediation.planned is not None
    return remediation.planned.digest


def test_a_yes_names_the_digest_of_the_plan() -> None:
    remediation = asked()
    remediation.approve("user:ada", "go", NOW, digest(remediation))
    assert remediation.status is RemediationStatus.APPROVED


@pytest.mark.parametrize("given", ["", "0" * 64])
def test_a_yes_to_another_plan_or_to_none_is_refused(given: str) -> None:
    remediation = asked()
    with pytest.raises(PlanChangedError) as refused:
        remediation.approve("user:ada", "go", NOW, given)
    assert refused.value.digest == digest(remediation)
    assert remediation.status is RemediationStatus.AWAITING_APPROVAL


def test_a_yes_before_the_plan_is_there_is_refused() -> None:
    with pytest.raises(WrongStateError, match="being planned"):
        asked(plan=None).approve("user:ada", "go", NOW)


def test_a_repair_that_has_no_plan_takes_a_yes_without_one_and_no_other() -> None:
    remediation = asked(plan=None, follows=False)
    with pytest.raises(PlanChangedError, match="not asked for"):
        remediation.approve("user:ada", "go", NOW, "0" * 64)
    remediation.approve("user:ada", "go", NOW)
    assert remediation.status is RemediationStatus.APPROVED


def test_only_the_next_plan_of_an_open_question_is_taken() -> None:
    remediation = asked()
    assert not remediation.plan(replace(PLAN, number=2), NOW), "there is one"
    assert not asked(plan=None).plan(replace(PLAN, number=2), NOW), "the first is awaited"
    assert not asked(plan=None, follows=False).plan(PLAN, NOW)
    remediation.reject("user:ada", "no", NOW)
    assert not remediation.plan(replace(PLAN, number=2), NOW)


def test_an_outdated_plan_takes_the_yes_along_and_is_asked_about_anew() -> None:
    remediation = asked()
    assert not remediation.outdate("scaled", NOW), "nobody said yes"
    first = digest(remediation)
    remediation.approve("user:ada", "go", NOW, first)
    assert remediation.outdate("scaled", NOW)
    assert (remediation.status, remediation.approval.by) == (RemediationStatus.PROPOSED, "")
    assert remediation.ask_again(NOW + timedelta(hours=8), NOW)
    assert not remediation.ask_again(NOW, NOW), "it is asked"
    with pytest.raises(WrongStateError, match="being planned"):
        remediation.approve("user:ada", "go", NOW, first)
    assert remediation.plan(replace(PLAN, number=2), NOW)
    with pytest.raises(PlanChangedError):
        remediation.approve("user:ada", "go", NOW, first)
    assert remediation.question == "OOM"
    assert remediation.deadline == NOW + timedelta(hours=8)


def test_what_stood_on_no_plan_cannot_be_outdated() -> None:
    remediation = asked(plan=None, follows=False)
    remediation.approve("user:ada", "go", NOW)
    assert not remediation.outdate("scaled", NOW)


def test_a_question_that_is_about_to_be_asked_anew_can_be_withdrawn() -> None:
    remediation = asked()
    remediation.approve("user:ada", "go", NOW, digest(remediation))
    remediation.outdate("scaled", NOW)
    assert remediation.withdraw("the incident ended", NOW)
    assert not remediation.ask_again(NOW, NOW)


def by_policy() -> Remediation:
    remediation = Remediation(REMEDIATION)
    risk = Risk(level=RiskLevel.LOW, reasons=["a rolling update"])
    remediation.propose(proposed("UpdateResourceLimits"), risk, NOW, plan_follows=True)
    return remediation


class TestPolicy:
    def test_it_says_yes_once_a_dry_run_passed(self) -> None:
        remediation = by_policy()
        assert (remediation.status, remediation.awaits_plan) == (RemediationStatus.PROPOSED, True)
        assert remediation.plan(PLAN, NOW)
        assert remediation.status is RemediationStatus.APPROVED
        assert (remediation.approval.by, remediation.approval.comment) == ("system:policy", "a rolling update")
        assert not remediation.awaits_plan

    @pytest.mark.parametrize(
        ("says", "words"), [(DryRun.REFUSED, "dry run was refused"), (DryRun.UNKNOWN, "is not known")]
    )
    def test_without_one_nothing_is_done(self, says: DryRun, words: str) -> None:
        remediation = by_policy()
        assert remediation.plan(replace(PLAN, dry_run=says, told="managed by argocd"), NOW)
        assert remediation.status is RemediationStatus.REJECTED
        rejected = remediation.pending[-1][0]
        assert isinstance(rejected, Rejected)
        assert words in rejected.reason
        assert rejected.reason.endswith("managed by argocd")

    def test_what_cannot_be_tried_is_approved_at_once(self) -> None:
        remediation = Remediation(REMEDIATION)
        remediation.propose(proposed("Notify"), Risk(level=RiskLevel.NONE, reasons=[]), NOW)
        assert (remediation.status, remediation.planned) == (RemediationStatus.APPROVED, None)

    def test_what_changed_since_is_put_to_a_person(self) -> None:
        remediation = by_policy()
        remediation.plan(PLAN, NOW)
        assert remediation.outdate("scaled", NOW)
        assert not remediation.awaits_plan
        assert remediation.ask_again(None, NOW)
        assert remediation.status is RemediationStatus.AWAITING_APPROVAL
        assert remediation.awaits_plan


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAN, seen=["uid 2"]),
        replace(PLAN, diff=[]),
        replace(PLAN, number=2),
        replace(PLAN, undo="nothing"),
        replace(PLAN, dry_run=DryRun.REFUSED),
        replace(PLAN, expires_at=NOW),
    ],
)
def test_a_digest_covers_the_whole_plan(other: Plan) -> None:
    target = ["north", "shop", "Deployment", "web"]
    known = digest_of(REMEDIATION, "X", {"a": 1, "b": 2}, target, PLAN)
    assert known == digest_of(REMEDIATION, "X", {"b": 2, "a": 1}, target, PLAN), "the order of keys says nothing"
    assert known != digest_of(REMEDIATION, "X", {"a": 1, "b": 2}, target, other)
    assert known != digest_of(UUID(int=1), "X", {"a": 1, "b": 2}, target, PLAN)
    assert known != digest_of(REMEDIATION, "X", {"a": 2, "b": 2}, target, PLAN)
    assert known != digest_of(REMEDIATION, "Y", {"a": 1, "b": 2}, target, PLAN)
    assert known != digest_of(REMEDIATION, "X", {"a": 1, "b": 2}, ["south", *target[1:]], PLAN)
    assert len(known) == 64
