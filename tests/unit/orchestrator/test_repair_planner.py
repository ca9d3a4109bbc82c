"""The planner: a dry run before a person is asked, and a plan whatever came of it."""

from __future__ import annotations

from typing import Any

import pytest

from aetherius.domain import command, remediation
from aetherius.domain.plan import DryRun, Plan, TrackRecord
from aetherius.domain.remediation import Remediation, RemediationStatus
from aetherius.domain.repair.answers import RepairAnswer
from aetherius.domain.repair.patience import Patience
from aetherius.domain.risk import RiskLevel
from aetherius.domain.wire.command import CommandType
from aetherius.orchestrator.remediation.phases import PLAN, command_of
from aetherius.orchestrator.remediation.planner import RepairPlanner
from aetherius.orchestrator.remediation.track_records import RecordRow
from aetherius.readers.state_tables.memory import MemoryTable
from aetherius.readers.testing import ProcessCase, like
from remediation_case import DONE, succeeded
from sealed_state import KEYS, SEALING
from story_events import ADA, RAISE, REMEDIATION, ordered, proposed

ASKED = remediation.ApprovalRequested(question="raise it?", plan_follows=True)
WOULD = RepairAnswer(
    action="UpdateResourceLimits",
    changed=True,
    summary="memory limit of web/app: 64Mi -> 128Mi",
    changes=["limits.memory: 64Mi -> 128Mi"],
    warnings=["a pod could not be tried"],
    seen=["Deployment uid 1"],
)


class PlannerCase(ProcessCase):
    """A proposal, with a person to be asked."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(
            lambda log, clock: RepairPlanner(clock, Patience(), KEYS, MemoryTable(log, RecordRow)), sealing=SEALING
        )
        self.given(REMEDIATION, proposed("UpdateResourceLimits", parameters={**RAISE, **changes}))

    def asked(self) -> None:
        """The dry run is under way."""
        self.when(REMEDIATION, ASKED)

    def answered(self, answer: Any) -> None:
        """The agent answers."""
        self.when(self.dry_run, answer)

    @property
    def remediation(self) -> Remediation:
        return self.log.load(Remediation, REMEDIATION)

    @property
    def dry_run(self) -> Any:
        """The command of the plan that is awaited."""
        return command_of(self.remediation, PLAN)

    @property
    def plan(self) -> Any:
        planned = self.remediation.planned
        assert planned is not None
        return planned.plan


def test_a_question_has_the_repair_tried() -> None:
    case = PlannerCase()
    case.asked()
    case.then(
        like(
            command.Issued,
            type=CommandType.DIAGNOSTIC,
            action="UpdateResourceLimits",
            parameters={**RAISE, "mode": "simulate"},
            step_id=PLAN,
        )
    )


def test_what_policy_may_allow_is_tried_first_and_approved_if_that_passed() -> None:
    case = PlannerCase()
    case.when(REMEDIATION, remediation.RiskAssessed(risk=RiskLevel.LOW, reasons=["rolling"], approval_required=False))
    case.then(like(command.Issued, step_id=PLAN))
    case.answered(succeeded(WOULD))
    case.then(like(remediation.Planned), like(remediation.Approved, by="system:policy"))


def test_what_policy_may_allow_is_not_done_when_the_dry_run_is_refused() -> None:
    case = PlannerCase()
    case.when(REMEDIATION, remediation.RiskAssessed(risk=RiskLevel.LOW, reasons=["rolling"], approval_required=False))
    case.answered(command.Failed(exit_code=1, error="managed by argocd"))
    case.then(like(remediation.Planned), like(remediation.Rejected, by="system:remediation"))


def test_what_an_older_version_approved_at_once_is_not_tried() -> None:
    case = PlannerCase()
    risk = remediation.RiskAssessed(risk=RiskLevel.LOW, reasons=["rolling"], approval_required=False)
    case.given(REMEDIATION, risk, remediation.Approved(by="system:policy"))
    case.go_on()
    case.then()


def test_a_question_without_a_plan_does_not() -> None:
    case = PlannerCase()
    case.when(REMEDIATION, remediation.ApprovalRequested(question="raise it?"))
    case.then()


def test_what_was_answered_meanwhile_is_not_tried() -> None:
    case = PlannerCase()
    case.given(REMEDIATION, ASKED, remediation.Rejected(by=ADA, reason="no"))
    case.go_on()
    case.then()


def test_what_the_agent_foresees_is_the_plan() -> None:
    case = PlannerCase()
    case.asked()
    case.answered(succeeded(WOULD))
    case.then(like(remediation.Planned))
    plan = case.plan
    assert (plan.number, plan.dry_run, plan.diff) == (1, DryRun.PASSED, ["limits.memory: 64Mi -> 128Mi"])
    assert plan.told == "memory limit of web/app: 64Mi -> 128Mi"
    assert plan.warnings == ["a pod could not be tried"]
    assert plan.seen == ["Deployment uid 1"]
    assert plan.undo.startswith("not by itself")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (command.Failed(exit_code=1, error="managed by argocd"), DryRun.REFUSED),
        (command.Refused(rejected_by="agent", error="no such action"), DryRun.REFUSED),
        (command.Lost(reason="no answer"), DryRun.UNKNOWN),
        (command.TimedOut(error="30s"), DryRun.UNKNOWN),
        (succeeded("<html>"), DryRun.UNKNOWN),
    ],
    ids=lambda each: type(each).__name__,
)
def test_without_a_dry_run_that_passed_nothing_counts_as_seen(answer: Any, says: DryRun) -> None:
    case = PlannerCase()
    case.asked()
    case.answered(answer)
    assert case.plan.dry_run is says
    assert case.plan.told
    assert case.plan.seen, "an agent that compares finds it different, changes nothing, and the person is asked again"


def test_a_proposal_of_another_version_is_planned_as_unknown() -> None:
    case = PlannerCase(memory_limit=7)
    case.asked()
    case.then(like(remediation.Planned))
    assert case.plan.dry_run is DryRun.UNKNOWN


def test_an_answer_to_a_question_that_was_asked_anew_is_no_plan() -> None:
    case = PlannerCase()
    case.asked()
    first = case.dry_run
    case.given(REMEDIATION, planned(), remediation.Approved(by=ADA), remediation.Outdated(reason="scaled"))
    case.go_on()
    case.when(REMEDIATION, ASKED)
    case.then(like(command.Issued, step_id=PLAN))
    assert case.dry_run != first
    case.when(first, succeeded(WOULD))
    case.then()
    case.answered(succeeded(WOULD))
    assert case.plan.number == 2


def planned() -> remediation.Planned:
    plan = Plan(number=1, dry_run=DryRun.PASSED, told="raise", seen=["uid 1"])
    return remediation.Planned(digest="d1", plan=plan)


def test_plans_say_how_often_it_helped_before() -> None:
    case = PlannerCase()
    for number, end in enumerate((HELPED, UNDONE, HELPED, UNHELPFUL), 1):
        before = type(REMEDIATION)(int=1000 + number)
        elsewhere = {"name": "api"} if number == 3 else {}
        case.given(before, proposed("UpdateResourceLimits", parameters=RAISE, **elsewhere), YES, DONE)
        case.when(before, end)
    case.asked()
    case.answered(succeeded(WOULD))
    assert case.plan.here == TrackRecord(done=3, helped=1)
    assert case.plan.anywhere == TrackRecord(done=4, helped=2)


def test_what_was_never_done_is_not_counted() -> None:
    case = PlannerCase()
    before = type(REMEDIATION)(int=1001)
    case.given(before, proposed("UpdateResourceLimits", parameters=RAISE), YES)
    case.when(before, remediation.Failed(reason="refused by the agent"))
    case.asked()
    case.answered(succeeded(WOULD))
    assert case.plan.anywhere == TrackRecord()


YES = remediation.Approved(by=ADA)
HELPED = remediation.Verified(command_id=None, summary="well")
UNDONE = remediation.RolledBack(command_id=None, summary="back")
UNHELPFUL = remediation.Failed(reason="it did not help")


def test_a_command_of_something_else_is_none_of_ours() -> None:
    case = PlannerCase()
    other = command_of(Remediation(REMEDIATION), "execute")
    case.given(
        other, ordered(tool="repair", action="UpdateResourceLimits", remediation_id=REMEDIATION, step_id="execute")
    )
    case.when(other, succeeded(WOULD))
    case.then()
    assert case.remediation.status is RemediationStatus.PROPOSED
