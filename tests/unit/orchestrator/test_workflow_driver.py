"""What the driver carries out of a workflow, what it makes of the answers, and what it keeps of what is awaited."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from aetherius.domain import analysis, command, remediation
from aetherius.domain.event import Event
from aetherius.domain.identity import stable_id
from aetherius.domain.risk import RiskLevel
from aetherius.domain.workflow import events
from aetherius.domain.workflow.definition import (
    CommandStep,
    Condition,
    DecisionStep,
    ReasoningStep,
    Step,
    WaitStep,
)
from aetherius.orchestrator.workflow.awaited import OpenAnalysis, Wakeup
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
    begun,
    concluded,
    opened,
    ordered,
    started,
)

OK = command.Succeeded(exit_code=0, output="OOMKilled")


@pytest.fixture
def case() -> DriverCase:
    return DriverCase()


class TestBeginning:
    def test_a_command_is_ordered_and_the_step_begins(self, case: DriverCase) -> None:
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

    def test_each_attempt_is_an_order_of_its_own(self, case: DriverCase) -> None:
        case.given(WORKFLOW, started(LOOK), scheduled(LOOK))
        case.when(WORKFLOW, scheduled(LOOK, attempt=2))
        case.then(command.Issued, like(events.StepStarted, work_id=stable_id("Command", WORKFLOW, "look", 2)))

    def test_an_analysis_is_asked_with_the_evidence_and_kept_as_open(self, case: DriverCase) -> None:
        case.given(WORKFLOW, started(LOOK, ASK), *begun(LOOK, COMMAND), events.StepSucceeded(step_id="look"))
        case.when(WORKFLOW, scheduled(ASK))
        case.then(
            like(analysis.Requested, incident_id=INCIDENT, inputs={"look": COMMAND}, step_id="analyze"),
            events.StepStarted(step_id="analyze", work_id=ANALYSIS),
        )
        assert case.kept("analyses") == [OpenAnalysis(ANALYSIS, "north")]

    def test_a_wait_is_begun_and_its_end_kept(self, case: DriverCase) -> None:
        case.given(WORKFLOW, started(PAUSE))
        case.when(WORKFLOW, scheduled(PAUSE))
        until = case.now + timedelta(seconds=10)
        case.then(events.StepStarted(step_id="settle", until=until))
        assert case.kept("wakeups") == [Wakeup(WORKFLOW, "settle", until)]

    def test_a_step_that_is_not_yet_due_is_not_begun(self, case: DriverCase) -> None:
        case.given(WORKFLOW, started(LOOK))
        later = case.now + timedelta(seconds=10)
        case.when(WORKFLOW, scheduled(LOOK, attempt=2, not_before=later))
        case.then_nothing()
        assert case.kept("wakeups") == [Wakeup(WORKFLOW, "look", later)]

    def test_what_is_paused_begins_nothing_until_it_is_resumed(self, case: DriverCase) -> None:
        case.given(WORKFLOW, started(LOOK), events.Paused(by=ADA))
        case.when(WORKFLOW, scheduled(LOOK))
        case.then_nothing()
        case.when(WORKFLOW, events.Resumed(by=ADA))
        case.then(command.Issued, events.StepStarted)

    def test_what_has_ended_begins_nothing(self, case: DriverCase) -> None:
        case.given(WORKFLOW, started(LOOK), events.Completed(outcome="done"))
        case.when(WORKFLOW, scheduled(LOOK))
        case.then_nothing()

    def test_a_workflow_that_nobody_started_begins_nothing(self, case: DriverCase) -> None:
        case.when(WORKFLOW, scheduled(LOOK))
        case.then_nothing()


class TestAnswersOfCommands:
    @pytest.fixture(autouse=True)
    def _looking(self, case: DriverCase) -> None:
        case.given_running(LOOK, PAUSE, at=LOOK, work=COMMAND)
        case.given(COMMAND, ordered())

    def test_a_command_that_succeeded_ends_its_step(self, case: DriverCase) -> None:
        case.when(COMMAND, OK)
        output = {"status": "success", "exit_code": 0, "output": "OOMKilled", "error": ""}
        case.then(
            events.StepSucceeded(step_id="look", output=output),
            scheduled(PAUSE),
            like(events.StepStarted, step_id="settle"),
        )

    def test_conditions_see_the_beginning_of_a_long_output(self, case: DriverCase) -> None:
        succeeded, *_ = case.when(COMMAND, command.Succeeded(output="x" * 5000))
        assert isinstance(succeeded, events.StepSucceeded)
        assert len(succeeded.output["output"]) == 2000

    def test_a_command_that_failed_is_tried_again_later(self, case: DriverCase) -> None:
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
    def test_every_other_answer_says_why_there_is_none(self, case: DriverCase, answer: Event, error: str) -> None:
        case.when(COMMAND, answer)
        case.then(like(events.StepRetried, error=error), events.StepScheduled)

    def test_an_answer_of_another_step_moves_nothing(self, case: DriverCase) -> None:
        other = UUID(int=9)
        case.given(other, ordered(step_id="settle"))
        case.when(other, command.Failed(error="late"))
        case.then_nothing()

    @pytest.mark.parametrize(
        "order", [ordered(workflow_id=None), ordered(remediation_id=REMEDIATION, step_id="execute")]
    )
    def test_answers_that_no_step_awaits_are_not_for_workflows(self, case: DriverCase, order: command.Issued) -> None:
        other = UUID(int=9)
        case.given(other, order)
        case.when(other, OK)
        case.then_nothing()

    def test_an_answer_to_a_command_that_nobody_issued_says_nothing(self, case: DriverCase) -> None:
        case.when(UUID(int=9), OK)
        case.then_nothing()


class TestAnswersOfAnalyses:
    @pytest.fixture(autouse=True)
    def _asking(self, case: DriverCase) -> None:
        case.given(INCIDENT, opened())
        case.given(WORKFLOW, started(ASK, DECIDE, FIX))
        case.when(WORKFLOW, scheduled(ASK))

    def test_a_conclusion_leads_to_a_decision_and_that_to_a_repair(self, case: DriverCase) -> None:
        case.when(ANALYSIS, concluded("OOM"))
        case.then(
            remediation.Proposed,
            remediation.RiskAssessed,
            like(events.StepSucceeded, step_id="analyze"),
            scheduled(DECIDE),
            like(events.BranchTaken, then="increase_memory", condition="analysis.root_cause == 'OOM'"),
            scheduled(FIX),
            events.StepStarted(step_id="remediate", work_id=REMEDIATION),
        )
        assert case.kept("analyses") == []

    def test_what_was_concluded_is_what_conditions_see(self, case: DriverCase) -> None:
        decided = case.when(ANALYSIS, concluded("OOM"))
        (succeeded,) = [event for event in decided if isinstance(event, events.StepSucceeded)]
        assert succeeded.output == {
            "root_cause": "OOM",
            "confidence": 0.9,
            "recommended": ["UpdateResourceLimits"],
            "summary": "killed twice",
            "detail": {"type": "OOMKiller", "reasoner": "rules/1"},
        }

    def test_no_answer_is_no_cause_and_the_owner_is_told(self, case: DriverCase) -> None:
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
    def decided(self, case: DriverCase, *steps: Step, output: str = "text") -> list[Event]:
        """A command has answered, and the decision after it is due."""
        case.given_running(LOOK, *steps, at=LOOK, work=COMMAND)
        case.given(COMMAND, ordered())
        return case.when(COMMAND, command.Succeeded(exit_code=0, output=output))

    def test_a_condition_sees_what_a_command_printed_in_plain_text(self, case: DriverCase) -> None:
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

    def test_a_condition_that_breaks_tells_the_owner_and_says_so(self, case: DriverCase) -> None:
        broken = "look.output.matches('(') || 1 / look.exit_code == 1"
        decide = DecisionStep(id="decide", conditions=[Condition(expression=broken, then="settle")])
        *_, taken, _ = self.decided(case, decide)
        assert isinstance(taken, events.BranchTaken)
        assert (taken.then, taken.reason.partition(":")[0]) == ("notify_owner", "a condition broke")

    def test_without_a_choice_there_is_nothing_to_repair(self, case: DriverCase) -> None:
        self.decided(case, FIX)
        case.then(
            events.StepSucceeded,
            scheduled(FIX),
            events.StepSkipped(step_id="remediate", reason="no remediation was chosen"),
            events.Completed,
        )


def test_a_reasoning_step_that_was_not_asked_has_no_analysis(case: DriverCase) -> None:
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
