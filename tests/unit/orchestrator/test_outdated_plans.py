"""What changed since a person said yes: nothing is done, the question is asked again, and the second yes is carried out."""

from __future__ import annotations

from uuid import UUID

from aetherius.domain import command, freeze, remediation
from aetherius.domain.brake import Limits
from aetherius.domain.identity import stable_id
from aetherius.domain.plan import DryRun, Plan
from aetherius.domain.remediation import RemediationStatus
from aetherius.domain.repair.answers import OutdatedAnswer
from aetherius.domain.workflow.events import Failed, StepFailed
from aetherius.readers.testing import like
from driver_case import DriverCase
from remediation_case import ENDED, RAISED, YES, RemediationCase, phase, succeeded
from story_events import ADA, FIX, INCIDENT, LOOK, REMEDIATION, WORKFLOW, begun, opened, proposed, started

ASKED = remediation.ApprovalRequested(question="raise it?", plan_follows=True)
SECOND = stable_id("Command", REMEDIATION, "execute", 2)
OUTDATED = OutdatedAnswer(outdated="now template 2")


def planned(number: int = 1) -> remediation.Planned:
    plan = Plan(number=number, dry_run=DryRun.PASSED, told="raise", seen=[f"template {number}"])
    return remediation.Planned(digest=f"d{number}", plan=plan)


def approved(limits: Limits | None = None) -> RemediationCase:
    """A person's yes to the first plan is being carried out."""
    case = RemediationCase(limits=limits)
    case.given(INCIDENT, opened())
    case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
    case.given(REMEDIATION, proposed(), ASKED, planned())
    case.when(REMEDIATION, YES)
    return case


def test_the_order_says_what_the_plan_stood_on() -> None:
    case = approved()
    case.then(like(command.Issued))
    [issued] = [each.event for each in case.decided]
    assert isinstance(issued, command.Issued)
    assert issued.parameters["seen"] == ["template 1"]


def test_a_policys_order_says_nothing_of_a_plan() -> None:
    case = RemediationCase()
    case.given(INCIDENT, opened())
    case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
    case.given(REMEDIATION, proposed())
    case.when(REMEDIATION, remediation.Approved(by="system:policy"))
    [issued] = [each.event for each in case.decided]
    assert isinstance(issued, command.Issued)
    assert "seen" not in issued.parameters


def test_what_is_not_so_any_more_is_neither_done_nor_verified() -> None:
    case = approved()
    case.when(phase("execute"), succeeded(OUTDATED))
    case.then(like(remediation.Outdated, reason="changed since the plan was approved: now template 2"))


def test_the_second_yes_is_a_command_of_its_own() -> None:
    case = approved()
    case.when(phase("execute"), succeeded(OUTDATED))
    case.given(REMEDIATION, ASKED, planned(2))
    case.go_on()
    case.when(REMEDIATION, YES)
    case.then(like(command.Issued, step_id="execute"))
    assert [each.stream_id for each in case.decided] == [SECOND]
    case.when(SECOND, succeeded(RAISED))
    case.then(like(command.Issued, step_id="verify"), like(remediation.Executed))


def test_a_freeze_calls_the_second_one_back() -> None:
    case = approved()
    case.when(phase("execute"), succeeded(OUTDATED))
    case.given(REMEDIATION, ASKED, planned(2))
    case.go_on()
    case.when(REMEDIATION, YES)
    scope = freeze.Scope()
    case.when(freeze.freeze_stream(scope), freeze.Set(scope=scope, reason="stop", by=ADA))
    assert SECOND in [each.stream_id for each in case.decided if isinstance(each.event, command.Cancelled)]


def test_its_place_goes_to_who_waits() -> None:
    other, its_incident = UUID(int=77), UUID(int=79)
    case = approved(Limits(cluster_at_once=1))
    case.given(its_incident, opened(name="api"))
    workflow = stable_id("Workflow", its_incident, 0)
    case.given(workflow, started(LOOK, FIX, incident_id=its_incident), *begun(FIX, other))
    case.given(other, proposed(incident_id=its_incident, workflow_id=workflow, name="api"))
    case.when(other, YES)
    case.then()
    case.when(phase("execute"), succeeded(OUTDATED))
    case.then(like(command.Issued, remediation_id=other), like(remediation.Outdated))


class TestAskingAgain:
    def test_the_question_is_put_anew(self) -> None:
        case = DriverCase()
        case.given(INCIDENT, opened())
        case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
        case.given(REMEDIATION, proposed(), ASKED, planned(), YES)
        case.when(REMEDIATION, remediation.Outdated(reason="scaled"))
        case.then(like(remediation.ApprovalRequested, question="raise it?", plan_follows=True))

    def test_not_when_the_incident_is_over(self) -> None:
        case = DriverCase()
        case.given(INCIDENT, opened(), ENDED)
        case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
        case.given(REMEDIATION, proposed(), ASKED, planned(), YES)
        case.when(REMEDIATION, remediation.Outdated(reason="scaled"))
        case.then(like(remediation.Rejected, by="system:remediation"), StepFailed, Failed)
        assert case.log.load(remediation.Remediation, REMEDIATION).status is RemediationStatus.REJECTED
