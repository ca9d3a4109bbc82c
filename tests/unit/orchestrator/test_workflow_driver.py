"""What the driver carries out of a workflow, what it makes of the answers, and what it keeps of what is awaited."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from aetherius.domain import analysis, command, remediation
from aetherius.domain.event import Event
from aetherius.domain.identity import stable_id
from aetherius.domain.incident import Reopened, Resolved
from aetherius.domain.risk import RiskLevel
from aetherius.domain.wire.analysis import Recommendation
from aetherius.domain.workflow import events
from aetherius.domain.workflow.definition import (
    CommandStep,
    Condition,
    DecisionStep,
    ReasoningStep,
    Step,
    WaitStep,
)
from aetherius.orchestrator import state_tables
from aetherius.orchestrator.workflow.awaited import ApprovalDeadline, OpenAnalysis, RaisedLimit, Wakeup
from aetherius.orchestrator.workflow.driver import WorkflowDriver
from aetherius.readers.testing import ProcessCase, like
from sealed_state import KEYS, SEALING
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
    ordered,
    proposed,
    started,
)

COMMAND = stable_id("Command", WORKFLOW, "look", 1)
FIRST = UUID(int=0xF1)
"""An earlier remediation."""
OBJECT = "north/shop/Deployment/web"
OK = command.Succeeded(exit_code=0, output="OOMKilled")


class Case(ProcessCase):
    """With a way to look at the rows."""

    def __init__(self) -> None:
        super().__init__(self._make, sealing=SEALING)

    def _make(self, log: Any, clock: Any) -> WorkflowDriver:
        self.tables = state_tables.in_memory(log).awaited
        return WorkflowDriver(clock, KEYS, self.tables, approval_timeout=600)

    def kept(self, table: str) -> list[Any]:
        """All rows of a table."""
        return getattr(self.tables, table).all()  # type: ignore[no-any-return]

    def given_running(self, *steps: Step, at: Step, work: UUID | None = None, **changes: Any) -> None:
        """A workflow of some steps has come to one of them, which runs."""
        self.given(INCIDENT, opened())
        self.given(WORKFLOW, started(*steps), *begun(at, work, **changes))


@pytest.fixture
def case() -> Case:
    return Case()


def scheduled(step: Step, **changes: Any) -> events.StepScheduled:
    return events.StepScheduled(step_id=step.id, **changes)


class TestBeginning:
    def test_a_command_is_ordered_and_the_step_begins(self, case: Case) -> None:
        case.given(WORKFLOW, started(LOOK))
        case.when(WORKFLOW, scheduled(LOOK))
        case.then(
            like(
                command.Issued,
                tool="kubectl",
                action="describe",
                args=["pod", "web-1"],
                namespace="shop",
                workflow_id=WORKFLOW,
                step_id="look",
                expires_at=case.now + timedelta(seconds=60),
            ),
            events.StepStarted(step_id="look", work_id=COMMAND),
        )

    def test_each_attempt_is_an_order_of_its_own(self, case: Case) -> None:
        case.given(WORKFLOW, started(LOOK), scheduled(LOOK))
        case.when(WORKFLOW, scheduled(LOOK, attempt=2))
        case.then(command.Issued, like(events.StepStarted, work_id=stable_id("Command", WORKFLOW, "look", 2)))

    def test_an_analysis_is_asked_with_the_evidence_and_kept_as_open(self, case: Case) -> None:
        case.given(WORKFLOW, started(LOOK, ASK), *begun(LOOK, COMMAND), events.StepSucceeded(step_id="look"))
        case.when(WORKFLOW, scheduled(ASK))
        case.then(
            like(analysis.Requested, incident_id=INCIDENT, inputs={"look": COMMAND}, step_id="analyze"),
            events.StepStarted(step_id="analyze", work_id=ANALYSIS),
        )
        assert case.kept("analyses") == [OpenAnalysis(ANALYSIS, "north")]

    def test_a_wait_is_begun_and_its_end_kept(self, case: Case) -> None:
        case.given(WORKFLOW, started(PAUSE))
        case.when(WORKFLOW, scheduled(PAUSE))
        until = case.now + timedelta(seconds=10)
        case.then(events.StepStarted(step_id="settle", until=until))
        assert case.kept("wakeups") == [Wakeup(WORKFLOW, "settle", until)]

    def test_a_step_that_is_not_yet_due_is_not_begun(self, case: Case) -> None:
        case.given(WORKFLOW, started(LOOK))
        later = case.now + timedelta(seconds=10)
        case.when(WORKFLOW, scheduled(LOOK, attempt=2, not_before=later))
        case.then_nothing()
        assert case.kept("wakeups") == [Wakeup(WORKFLOW, "look", later)]

    def test_what_is_paused_begins_nothing_until_it_is_resumed(self, case: Case) -> None:
        case.given(WORKFLOW, started(LOOK), events.Paused(by=ADA))
        case.when(WORKFLOW, scheduled(LOOK))
        case.then_nothing()
        case.when(WORKFLOW, events.Resumed(by=ADA))
        case.then(command.Issued, events.StepStarted)

    def test_what_has_ended_begins_nothing(self, case: Case) -> None:
        case.given(WORKFLOW, started(LOOK), events.Completed(outcome="done"))
        case.when(WORKFLOW, scheduled(LOOK))
        case.then_nothing()

    def test_a_workflow_that_nobody_started_begins_nothing(self, case: Case) -> None:
        case.when(WORKFLOW, scheduled(LOOK))
        case.then_nothing()


class TestAnswersOfCommands:
    @pytest.fixture(autouse=True)
    def _looking(self, case: Case) -> None:
        case.given_running(LOOK, PAUSE, at=LOOK, work=COMMAND)
        case.given(COMMAND, ordered())

    def test_a_command_that_succeeded_ends_its_step(self, case: Case) -> None:
        case.when(COMMAND, OK)
        output = {"status": "success", "exit_code": 0, "output": "OOMKilled", "error": ""}
        case.then(
            events.StepSucceeded(step_id="look", output=output),
            scheduled(PAUSE),
            like(events.StepStarted, step_id="settle"),
        )

    def test_conditions_see_the_beginning_of_a_long_output(self, case: Case) -> None:
        succeeded, *_ = case.when(COMMAND, command.Succeeded(output="x" * 5000))
        assert isinstance(succeeded, events.StepSucceeded)
        assert len(succeeded.output["output"]) == 2000

    def test_a_command_that_failed_is_tried_again_later(self, case: Case) -> None:
        case.when(COMMAND, command.Failed(exit_code=1, error="no such pod"))
        later = case.now + timedelta(seconds=10)
        case.then(
            events.StepRetried(step_id="look", attempt=2, error="Failed (exit code 1): no such pod"),
            scheduled(LOOK, attempt=2, not_before=later),
        )
        assert case.kept("wakeups") == [Wakeup(WORKFLOW, "look", later)]

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (command.Failed(error="cut off"), "Failed: cut off"),
            (command.Refused(rejected_by="edge", error="not allowed"), "Refused: edge: not allowed"),
            (command.TimedOut(error="too slow"), "TimedOut: too slow"),
            (command.Cancelled(error="called back"), "Cancelled: called back"),
            (command.Lost(reason="no answer"), "Lost: no answer"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_every_other_answer_says_why_there_is_none(self, case: Case, answer: Event, error: str) -> None:
        case.when(COMMAND, answer)
        case.then(like(events.StepRetried, error=error), events.StepScheduled)

    def test_an_answer_of_another_step_moves_nothing(self, case: Case) -> None:
        other = UUID(int=9)
        case.given(other, ordered(step_id="settle"))
        case.when(other, command.Failed(error="late"))
        case.then_nothing()

    @pytest.mark.parametrize(
        "order", [ordered(workflow_id=None), ordered(remediation_id=REMEDIATION, step_id="execute")]
    )
    def test_answers_that_no_step_awaits_are_not_for_workflows(self, case: Case, order: command.Issued) -> None:
        other = UUID(int=9)
        case.given(other, order)
        case.when(other, OK)
        case.then_nothing()

    def test_an_answer_to_a_command_that_nobody_issued_says_nothing(self, case: Case) -> None:
        case.when(UUID(int=9), OK)
        case.then_nothing()


class TestAnswersOfAnalyses:
    @pytest.fixture(autouse=True)
    def _asking(self, case: Case) -> None:
        case.given(INCIDENT, opened())
        case.given(WORKFLOW, started(ASK, DECIDE, FIX))
        case.when(WORKFLOW, scheduled(ASK))

    def test_a_conclusion_leads_to_a_decision_and_that_to_a_repair(self, case: Case) -> None:
        case.when(ANALYSIS, concluded("OOM"))
        case.then(
            remediation.Proposed,
            remediation.RiskAssessed,
            like(remediation.Approved, by="system:policy"),
            like(events.StepSucceeded, step_id="analyze"),
            scheduled(DECIDE),
            like(events.BranchTaken, then="increase_memory", condition="analysis.root_cause == 'OOM'"),
            scheduled(FIX),
            events.StepStarted(step_id="remediate", work_id=REMEDIATION),
        )
        assert case.kept("analyses") == []

    def test_what_was_concluded_is_what_conditions_see(self, case: Case) -> None:
        decided = case.when(ANALYSIS, concluded("OOM"))
        (succeeded,) = [event for event in decided if isinstance(event, events.StepSucceeded)]
        assert succeeded.output == {
            "root_cause": "OOM",
            "confidence": 0.9,
            "recommended": ["UpdateResourceLimits"],
            "summary": "killed twice",
            "detail": {"type": "OOMKiller", "reasoner": "rules/1"},
        }

    def test_no_answer_is_no_cause_and_the_owner_is_told(self, case: Case) -> None:
        failed = analysis.Failed(incident_id=INCIDENT, workflow_id=WORKFLOW, step_id="analyze", error="no answer")
        case.when(ANALYSIS, failed)
        case.then(
            like(remediation.Proposed, action="Notify", reason="there is no analysis"),
            like(remediation.RiskAssessed, risk=RiskLevel.NONE),
            remediation.Approved,
            events.StepFailed(step_id="analyze", error="no answer"),
            scheduled(DECIDE),
            like(events.BranchTaken, then="notify_owner", condition=None),
            scheduled(FIX),
            events.StepStarted,
        )
        assert case.kept("analyses") == []


class TestDecisions:
    def decided(self, case: Case, *steps: Step, output: str = "text") -> list[Event]:
        """A command has answered, and the decision after it is due."""
        case.given_running(LOOK, *steps, at=LOOK, work=COMMAND)
        case.given(COMMAND, ordered())
        return case.when(COMMAND, command.Succeeded(exit_code=0, output=output))

    def test_a_condition_sees_what_a_command_printed_in_plain_text(self, case: Case) -> None:
        decide = DecisionStep(id="decide", conditions=[Condition(expression="look.output == 'text'", then="settle")])
        skipped = WaitStep(id="skipped", duration=1.0)
        self.decided(case, decide, skipped, PAUSE)
        case.then(
            events.StepSucceeded,
            events.StepScheduled,
            like(events.BranchTaken, then="settle"),
            like(events.StepSkipped, step_id="skipped"),
            scheduled(PAUSE),
            like(events.StepStarted, step_id="settle"),
        )

    def test_a_condition_that_breaks_tells_the_owner_and_says_so(self, case: Case) -> None:
        broken = "look.output.matches('(') || 1 / look.exit_code == 1"
        decide = DecisionStep(id="decide", conditions=[Condition(expression=broken, then="settle")])
        *_, taken, _ = self.decided(case, decide)
        assert isinstance(taken, events.BranchTaken)
        assert (taken.then, taken.reason.partition(":")[0]) == ("notify_owner", "a condition broke")

    def test_without_a_choice_there_is_nothing_to_repair(self, case: Case) -> None:
        self.decided(case, FIX)
        case.then(
            events.StepSucceeded,
            scheduled(FIX),
            events.StepSkipped(step_id="remediate", reason="no remediation was chosen"),
            events.Completed,
        )


class TestProposals:
    def concludes(self, case: Case, cause: str, **changes: Any) -> None:
        """An analysis concludes, in a workflow that goes on to repair."""
        case.given(WORKFLOW, started(ASK, DECIDE, FIX), *begun(ASK, ANALYSIS))
        case.given(ANALYSIS, asked())
        case.when(ANALYSIS, concluded(cause, **changes))

    def of(self, case: Case, kind: type[Event]) -> Any:
        (found,) = [pending.event for pending in case.decided if type(pending.event) is kind]
        return found

    def test_what_policy_allows_is_approved_and_kept_as_done_once(self, case: Case) -> None:
        case.given(INCIDENT, opened())
        self.concludes(case, "OOM")
        assert self.of(case, remediation.Proposed).action == "UpdateResourceLimits"
        assert self.of(case, remediation.RiskAssessed).risk is RiskLevel.LOW
        assert case.kept("raised") == [RaisedLimit(OBJECT, REMEDIATION)]
        assert case.kept("approvals") == []

    def given_raised(self, case: Case, *more: Event) -> None:
        """A limit was raised by another workflow of this object."""
        other = stable_id("Workflow", UUID(int=0xB1), 0)
        analysed = stable_id("Analysis", other, "analyze", 1)
        case.given(other, started(ASK, DECIDE, FIX), *begun(ASK, analysed))
        case.when(analysed, concluded("OOM", workflow_id=other))
        (row,) = case.kept("raised")
        case.given(row.remediation_id, *more)

    def test_what_helped_once_is_a_persons_decision_the_second_time(self, case: Case) -> None:
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

    def test_what_did_not_help_may_be_tried_again(self, case: Case) -> None:
        case.given(INCIDENT, opened())
        self.given_raised(case, remediation.Failed(reason="no"))
        self.concludes(case, "OOM")
        assert not self.of(case, remediation.RiskAssessed).approval_required
        assert case.kept("raised") == [RaisedLimit(OBJECT, REMEDIATION)]

    def test_trouble_that_came_back_asks_a_person(self, case: Case) -> None:
        case.given(
            INCIDENT,
            opened(),
            Resolved(how="repaired", summary="well"),
            Reopened(event_id=UUID(int=1), reason="OOMKilled"),
        )
        self.concludes(case, "OOM")
        assert self.of(case, remediation.ApprovalRequested)

    def test_a_choice_without_safe_parameters_tells_the_owner(self, case: Case) -> None:
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
    def _repairing(self, case: Case) -> None:
        case.given_running(FIX, at=FIX, work=REMEDIATION)
        case.given(REMEDIATION, proposed())

    def test_a_verified_repair_ends_the_workflow(self, case: Case) -> None:
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
    def test_any_other_end_fails_it_and_says_why(self, case: Case, end: Event, error: str) -> None:
        case.when(REMEDIATION, end)
        case.then(events.StepFailed(step_id="remediate", error=error), events.Failed(step_id="remediate", error=error))

    def test_an_end_of_what_nobody_proposed_says_nothing(self, case: Case) -> None:
        case.when(UUID(int=9), remediation.Failed(reason="no"))
        case.then_nothing()


class TestQuestions:
    """What waits for a person's yes."""

    @pytest.fixture(autouse=True)
    def _asking(self, case: Case) -> None:
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

    def test_an_answer_ends_the_waiting(self, case: Case) -> None:
        case.when(REMEDIATION, remediation.Rejected(by=ADA, reason="no"))
        case.then(events.StepFailed, events.Failed)
        assert case.kept("approvals") == []

    def test_a_question_of_a_cancelled_workflow_is_withdrawn(self, case: Case) -> None:
        case.when(WORKFLOW, events.Cancelled(by=ADA, reason="enough"))
        case.then(like(remediation.Rejected, by="system:remediation", reason="its workflow was cancelled"))
        assert case.kept("approvals") == []

    def test_a_cancelled_workflow_leaves_a_repair_that_was_begun(self, case: Case) -> None:
        case.given(REMEDIATION, remediation.Approved(by=ADA))
        case.when(WORKFLOW, events.Cancelled(by=ADA, reason="enough"))
        case.then_nothing()


class TestCancelling:
    GONE = Resolved(how="recovered", summary="well by itself")

    def test_an_incident_that_ends_by_itself_cancels_its_workflow(self, case: Case) -> None:
        case.given_running(PAUSE, at=PAUSE, until=case.now + timedelta(seconds=10))
        case.when(INCIDENT, self.GONE)
        case.then(events.Cancelled(by="system:workflow", reason="well by itself"))
        assert case.kept("wakeups") == []

    def test_an_incident_that_was_repaired_does_not(self, case: Case) -> None:
        case.given_running(PAUSE, at=PAUSE)
        case.when(INCIDENT, Resolved(how="repaired", summary="raised"))
        case.then_nothing()

    def test_the_end_of_the_first_time_leaves_the_workflow_of_the_second(self, case: Case) -> None:
        case.given(INCIDENT, opened())
        second = stable_id("Workflow", INCIDENT, 1)
        case.given(second, started(PAUSE), *begun(PAUSE))
        case.when(INCIDENT, self.GONE, Reopened(event_id=UUID(int=1), reason="OOMKilled"))
        case.then_nothing()

    def test_an_end_of_an_incident_without_a_workflow_cancels_nothing(self, case: Case) -> None:
        case.given(INCIDENT, opened())
        case.when(INCIDENT, self.GONE)
        case.then_nothing()

    def test_a_workflow_that_has_ended_is_not_cancelled(self, case: Case) -> None:
        case.given_running(PAUSE, at=PAUSE)
        case.given(WORKFLOW, events.Completed(outcome="done"))
        case.when(INCIDENT, self.GONE)
        case.then_nothing()

    def test_a_repair_that_was_begun_is_seen_through(self, case: Case) -> None:
        case.given_running(FIX, at=FIX, work=REMEDIATION)
        case.given(REMEDIATION, proposed(), remediation.Approved(by=ADA))
        case.when(INCIDENT, self.GONE)
        case.then_nothing()

    def test_a_repair_that_still_waits_for_a_yes_is_withdrawn(self, case: Case) -> None:
        case.given_running(FIX, at=FIX, work=REMEDIATION)
        case.given(REMEDIATION, proposed(), remediation.ApprovalRequested(question="?", deadline=None))
        case.when(INCIDENT, self.GONE)
        case.then(
            like(remediation.Rejected, reason="the incident ended by itself"),
            like(events.Cancelled, reason="well by itself"),
        )

    def test_a_repair_that_is_not_yet_proposed_stops_nothing(self, case: Case) -> None:
        case.given(INCIDENT, opened())
        case.given(WORKFLOW, started(FIX), scheduled(FIX))
        case.when(INCIDENT, self.GONE)
        case.then(events.Cancelled)

    def test_a_workflow_that_a_person_cancels_in_a_look_withdraws_nothing(self, case: Case) -> None:
        case.given_running(LOOK, at=LOOK, work=COMMAND)
        case.when(WORKFLOW, events.Cancelled(by=ADA, reason="enough"))
        case.then_nothing()


def test_a_reasoning_step_that_was_not_asked_has_no_analysis(case: Case) -> None:
    """The decision jumped past it."""
    unasked = ReasoningStep(id="second", input=[])
    decide = DecisionStep(id="decide", conditions=[Condition(expression="true", then="increase_memory")])
    look = CommandStep(id="look", tool="kubectl", action="describe")
    case.given_running(look, unasked, decide, FIX, at=look, work=COMMAND)
    case.given(COMMAND, ordered())
    case.given(
        WORKFLOW,
        events.StepSucceeded(step_id="look"),
        events.StepSkipped(step_id="second", reason="not needed"),
    )
    case.when(WORKFLOW, scheduled(decide))
    case.then(
        like(remediation.Proposed, action="Notify"),
        remediation.RiskAssessed,
        remediation.Approved,
        like(events.BranchTaken, then="increase_memory"),
        scheduled(FIX),
        events.StepStarted,
    )
