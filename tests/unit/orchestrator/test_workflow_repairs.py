"""The last step of a workflow: what is proposed, what is asked of a person, how it ends, and what ends it early."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from aetherius.domain import remediation
from aetherius.domain.event import Event
from aetherius.domain.identity import stable_id
from aetherius.domain.incident import Reopened, Resolved
from aetherius.domain.risk import RiskLevel
from aetherius.domain.wire.analysis import Recommendation
from aetherius.domain.workflow import events
from aetherius.orchestrator.workflow.awaited import ApprovalDeadline, RaisedLimit
from aetherius.readers.testing import like
from driver_case import COMMAND, DriverCase, scheduled
from story_events import (
    ADA,
    ANALYSIS,
    ASK,
    DECIDE,
    FIX,
    INCIDENT,
    LOOK,
    PAUSE,
    REMEDIATION,
    WORKFLOW,
    asked,
    begun,
    concluded,
    opened,
    proposed,
    started,
)

OBJECT = "north/shop/Deployment/web"


@pytest.fixture
def case() -> DriverCase:
    return DriverCase()


class TestProposals:
    def concludes(self, case: DriverCase, cause: str, **changes: Any) -> None:
        """An analysis concludes, in a workflow that goes on to repair."""
        case.given(WORKFLOW, started(ASK, DECIDE, FIX), *begun(ASK, ANALYSIS))
        case.given(ANALYSIS, asked())
        case.when(ANALYSIS, concluded(cause, **changes))

    def of(self, case: DriverCase, kind: type[Event]) -> Any:
        (found,) = [pending.event for pending in case.decided if type(pending.event) is kind]
        return found

    def test_what_policy_allows_is_approved_and_kept_as_done_once(self, case: DriverCase) -> None:
        case.given(INCIDENT, opened())
        self.concludes(case, "OOM")
        assert self.of(case, remediation.Proposed).action == "UpdateResourceLimits"
        assert self.of(case, remediation.RiskAssessed).risk is RiskLevel.LOW
        assert case.kept("raised") == [RaisedLimit(OBJECT, REMEDIATION)]
        assert case.kept("approvals") == []

    def given_raised(self, case: DriverCase, *more: Event) -> None:
        """A limit was raised by another workflow of this object."""
        other = stable_id("Workflow", UUID(int=0xB1), 0)
        analysed = stable_id("Analysis", other, "analyze", 1)
        case.given(other, started(ASK, DECIDE, FIX), *begun(ASK, analysed))
        case.when(analysed, concluded("OOM", workflow_id=other))
        (row,) = case.kept("raised")
        case.given(row.remediation_id, *more)

    def test_what_helped_once_is_a_persons_decision_the_second_time(self, case: DriverCase) -> None:
        case.given(INCIDENT, opened())
        self.given_raised(
            case,
            remediation.Executed(command_id=None, summary="raised"),
            remediation.Verified(command_id=None, summary="well"),
        )
        (before,) = case.kept("raised")
        self.concludes(case, "OOM")
        deadline = case.now + timedelta(seconds=600)
        assert self.of(case, remediation.RiskAssessed).approval_required
        assert self.of(case, remediation.ApprovalRequested).deadline == deadline
        assert case.kept("approvals") == [ApprovalDeadline(REMEDIATION, deadline)]
        assert case.kept("raised") == [before]

    def test_what_did_not_help_may_be_tried_again(self, case: DriverCase) -> None:
        case.given(INCIDENT, opened())
        self.given_raised(case, remediation.Failed(reason="no"))
        self.concludes(case, "OOM")
        assert not self.of(case, remediation.RiskAssessed).approval_required
        assert case.kept("raised") == [RaisedLimit(OBJECT, REMEDIATION)]

    def test_trouble_that_came_back_asks_a_person(self, case: DriverCase) -> None:
        case.given(
            INCIDENT,
            opened(),
            Resolved(how="repaired", summary="well"),
            Reopened(event_id=UUID(int=1), reason="OOMKilled"),
        )
        self.concludes(case, "OOM")
        assert self.of(case, remediation.ApprovalRequested)

    def test_a_choice_without_safe_parameters_tells_the_owner(self, case: DriverCase) -> None:
        case.given(INCIDENT, opened())
        other = Recommendation(
            action="UpdateResourceLimits", confidence=0.8, parameters={"kind": "Deployment", "name": "api"}
        )
        self.concludes(case, "OOM", recommendations=[other])
        proposal = self.of(case, remediation.Proposed)
        assert (proposal.action, proposal.parameters) == ("Notify", {})
        assert "no safe parameters" in proposal.reason
        assert case.kept("raised") == []


class TestEndsOfRepairs:
    @pytest.fixture(autouse=True)
    def _repairing(self, case: DriverCase) -> None:
        case.given_running(FIX, at=FIX, work=REMEDIATION)
        case.given(REMEDIATION, proposed())

    def test_a_verified_repair_ends_the_workflow(self, case: DriverCase) -> None:
        case.when(REMEDIATION, remediation.Verified(command_id=None, summary="well"))
        output = {"action": "UpdateResourceLimits", "summary": "well"}
        case.then(events.StepSucceeded(step_id="remediate", output=output), events.Completed)

    @pytest.mark.parametrize(
        ("end", "error"),
        [
            (remediation.Rejected(by=ADA, reason="not now"), "Rejected: not now"),
            (remediation.RolledBack(command_id=None, summary="64Mi again"), "RolledBack: 64Mi again"),
            (remediation.Failed(reason="forbidden"), "Failed: forbidden"),
        ],
        ids=["rejected", "rolled-back", "failed"],
    )
    def test_any_other_end_fails_it_and_says_why(self, case: DriverCase, end: Event, error: str) -> None:
        case.when(REMEDIATION, end)
        case.then(events.StepFailed(step_id="remediate", error=error), events.Failed(step_id="remediate", error=error))

    def test_an_end_of_what_nobody_proposed_says_nothing(self, case: DriverCase) -> None:
        case.when(UUID(int=9), remediation.Failed(reason="no"))
        case.then_nothing()


class TestQuestions:
    """What waits for a person's yes."""

    @pytest.fixture(autouse=True)
    def _asking(self, case: DriverCase) -> None:
        case.given(
            INCIDENT,
            opened(),
            Resolved(how="repaired", summary="well"),
            Reopened(event_id=UUID(int=1), reason="OOMKilled"),
        )
        case.given(WORKFLOW, started(ASK, DECIDE, FIX), *begun(ASK, ANALYSIS))
        case.given(ANALYSIS, asked())
        case.when(ANALYSIS, concluded("OOM"))
        assert [row.remediation_id for row in case.kept("approvals")] == [REMEDIATION]

    def test_an_answer_ends_the_waiting(self, case: DriverCase) -> None:
        case.when(REMEDIATION, remediation.Rejected(by=ADA, reason="no"))
        case.then(events.StepFailed, events.Failed)
        assert case.kept("approvals") == []

    def test_a_question_of_a_cancelled_workflow_is_withdrawn(self, case: DriverCase) -> None:
        case.when(WORKFLOW, events.Cancelled(by=ADA, reason="enough"))
        case.then(like(remediation.Rejected, by="system:remediation", reason="its workflow was cancelled"))
        assert case.kept("approvals") == []

    def test_a_cancelled_workflow_leaves_a_repair_that_was_begun(self, case: DriverCase) -> None:
        case.given(REMEDIATION, remediation.Approved(by=ADA))
        case.when(WORKFLOW, events.Cancelled(by=ADA, reason="enough"))
        case.then_nothing()


class TestCancelling:
    GONE = Resolved(how="recovered", summary="well by itself")

    def test_an_incident_that_ends_by_itself_cancels_its_workflow(self, case: DriverCase) -> None:
        case.given_running(PAUSE, at=PAUSE, until=case.now + timedelta(seconds=10))
        case.when(INCIDENT, self.GONE)
        case.then(events.Cancelled(by="system:workflow", reason="well by itself"))
        assert case.kept("wakeups") == []

    def test_an_incident_that_was_repaired_does_not(self, case: DriverCase) -> None:
        case.given_running(PAUSE, at=PAUSE)
        case.when(INCIDENT, Resolved(how="repaired", summary="raised"))
        case.then_nothing()

    def test_the_end_of_the_first_time_leaves_the_workflow_of_the_second(self, case: DriverCase) -> None:
        case.given(INCIDENT, opened())
        second = stable_id("Workflow", INCIDENT, 1)
        case.given(second, started(PAUSE), *begun(PAUSE))
        case.when(INCIDENT, self.GONE, Reopened(event_id=UUID(int=1), reason="OOMKilled"))
        case.then_nothing()

    def test_an_end_of_an_incident_without_a_workflow_cancels_nothing(self, case: DriverCase) -> None:
        case.given(INCIDENT, opened())
        case.when(INCIDENT, self.GONE)
        case.then_nothing()

    def test_a_workflow_that_has_ended_is_not_cancelled(self, case: DriverCase) -> None:
        case.given_running(PAUSE, at=PAUSE)
        case.given(WORKFLOW, events.Completed(outcome="done"))
        case.when(INCIDENT, self.GONE)
        case.then_nothing()

    def test_a_repair_that_was_begun_is_seen_through(self, case: DriverCase) -> None:
        case.given_running(FIX, at=FIX, work=REMEDIATION)
        case.given(REMEDIATION, proposed(), remediation.Approved(by=ADA))
        case.when(INCIDENT, self.GONE)
        case.then_nothing()

    def test_a_repair_that_still_waits_for_a_yes_is_withdrawn(self, case: DriverCase) -> None:
        case.given_running(FIX, at=FIX, work=REMEDIATION)
        case.given(REMEDIATION, proposed(), remediation.ApprovalRequested(question="?", deadline=None))
        case.when(INCIDENT, self.GONE)
        case.then(
            like(remediation.Rejected, reason="the incident ended by itself"),
            like(events.Cancelled, reason="well by itself"),
        )

    def test_a_repair_that_is_not_yet_proposed_stops_nothing(self, case: DriverCase) -> None:
        case.given(INCIDENT, opened())
        case.given(WORKFLOW, started(FIX), scheduled(FIX))
        case.when(INCIDENT, self.GONE)
        case.then(events.Cancelled)

    def test_a_workflow_that_a_person_cancels_in_a_look_withdraws_nothing(self, case: DriverCase) -> None:
        case.given_running(LOOK, at=LOOK, work=COMMAND)
        case.when(WORKFLOW, events.Cancelled(by=ADA, reason="enough"))
        case.then_nothing()
