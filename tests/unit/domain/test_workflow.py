"""The rules of workflows: pure, so every path is tried without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherius.domain.errors import WrongStateError
from aetherius.domain.workflow.definition import (
    ActionStep,
    CommandStep,
    Condition,
    DecisionStep,
    ReasoningStep,
    Retry,
    Step,
    WaitStep,
    WorkflowDefinition,
)
from aetherius.domain.workflow.events import Started, Target
from aetherius.domain.workflow.state import StepStatus, WorkflowState, WorkflowStatus, evolve
from aetherius.domain.workflow.workflow import (
    ApplyFix,
    Begin,
    Branch,
    Cancel,
    EvaluateDecision,
    Fail,
    Input,
    Pause,
    Resume,
    RunCommand,
    RunReasoning,
    Skip,
    Start,
    Succeed,
    Wait,
    Wake,
    Workflow,
    due,
    wakes_at,
)

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
LOOK = CommandStep(id="look", tool="kubectl", action="describe", retry=Retry(max_attempts=2, backoff=2.0))
THINK = ReasoningStep(id="think", input=["look.output"])
DECIDE = DecisionStep(
    id="decide",
    conditions=[Condition(expression="a", then="increase_memory"), Condition(expression="b", then="wait")],
)
PAUSE = WaitStep(id="pause", duration=5.0)
WAIT = WaitStep(id="wait", duration="grace")
FIX = ActionStep(id="fix", action="apply_fix")


def a_workflow(*steps: Step) -> Workflow:
    workflow = Workflow(uuid4())
    definition = WorkflowDefinition(
        name="w",
        triggers=["X"],
        steps=list(steps or (LOOK, THINK, DECIDE, PAUSE, WAIT, FIX)),
        parameters={"grace": "3s"},
    )
    started = Started(
        incident_id=uuid4(),
        definition=definition,
        target=Target(cluster_id="c", namespace="n", kind="Deployment", name="web"),
        strategy="s",
        parameters={},
        trigger="X",
    )
    workflow.handle(Start(started=started), NOW)
    return workflow


def feed(workflow: Workflow, *inputs: Input) -> None:
    for each in inputs:
        workflow.handle(each, NOW)


def at_decision() -> Workflow:
    workflow = a_workflow()
    work = uuid4()
    feed(workflow, Begin(step_id="look", work_id=work), Succeed(step_id="look"))
    feed(workflow, Begin(step_id="think", work_id=uuid4()), Succeed(step_id="think"))
    return workflow


def statuses(workflow: Workflow) -> dict[str, str]:
    return {step.id: workflow.state.step(step.id).status.value for step in workflow.state.definition.steps}


def test_steps_come_due_one_after_another() -> None:
    workflow = a_workflow()
    assert isinstance(due(workflow.state, NOW), RunCommand)
    work = uuid4()
    feed(workflow, Begin(step_id="look", work_id=work))
    assert due(workflow.state, NOW) is None
    feed(workflow, Succeed(step_id="look"))
    reasoning = due(workflow.state, NOW)
    assert isinstance(reasoning, RunReasoning)
    assert reasoning.inputs == {"look": work}


def test_starting_twice_does_nothing() -> None:
    workflow = a_workflow()
    assert workflow.state.started is not None
    assert not workflow.handle(Start(started=workflow.state.started), NOW)


def test_a_result_that_comes_twice_is_taken_once() -> None:
    workflow = a_workflow()
    feed(workflow, Begin(step_id="look"), Succeed(step_id="look"))
    version = workflow.version
    feed(workflow, Succeed(step_id="look"), Fail(step_id="look", error="late", now=NOW))
    assert workflow.version == version


def test_a_failed_step_is_tried_again_after_its_backoff() -> None:
    workflow = a_workflow()
    feed(workflow, Begin(step_id="look"), Fail(step_id="look", error="no", now=NOW))
    assert due(workflow.state, NOW) is None
    assert wakes_at(workflow.state) == NOW + timedelta(seconds=2)
    later = NOW + timedelta(seconds=2)
    feed(workflow, Wake(step_id="look", now=later))
    again = due(workflow.state, later)
    assert isinstance(again, RunCommand)
    assert again.attempt == 2


def test_a_look_that_fails_for_good_is_evidence_and_the_workflow_goes_on() -> None:
    workflow = a_workflow(CommandStep(id="look", tool="kubectl", action="get"), THINK)
    feed(workflow, Begin(step_id="look"), Fail(step_id="look", error="gone", now=NOW))
    assert workflow.state.step("look").status is StepStatus.FAILED
    assert isinstance(due(workflow.state, NOW), RunReasoning)


def test_a_condition_that_names_a_remediation_chooses_it() -> None:
    workflow = at_decision()
    assert isinstance(due(workflow.state, NOW), EvaluateDecision)
    feed(workflow, Branch(step_id="decide", held=0))
    assert workflow.state.choice == "increase_memory"
    assert isinstance(due(workflow.state, NOW), Wait)


def test_a_condition_that_names_a_step_goes_there_and_skips_what_lies_between() -> None:
    workflow = at_decision()
    feed(workflow, Branch(step_id="decide", held=1))
    assert statuses(workflow)["pause"] == "skipped"
    assert statuses(workflow)["wait"] == "scheduled"


def test_no_condition_that_holds_tells_the_owner() -> None:
    workflow = at_decision()
    feed(workflow, Branch(step_id="decide", held=None))
    assert workflow.state.choice == "notify_owner"


def test_a_wait_takes_its_length_from_a_parameter_and_ends_when_time_has_passed() -> None:
    workflow = a_workflow(WAIT, FIX)
    pending = due(workflow.state, NOW)
    assert isinstance(pending, Wait)
    assert pending.seconds == 3.0
    until = NOW + timedelta(seconds=3)
    feed(workflow, Begin(step_id="wait", until=until), Wake(step_id="wait", now=NOW))
    assert workflow.state.step("wait").status is StepStatus.RUNNING, "it rang too early"
    feed(workflow, Wake(step_id="wait", now=until))
    assert isinstance(due(workflow.state, until), ApplyFix)


def test_a_repair_that_fails_fails_the_workflow() -> None:
    workflow = a_workflow(FIX)
    feed(workflow, Begin(step_id="fix", work_id=uuid4()), Fail(step_id="fix", error="no", now=NOW))
    assert workflow.state.status is WorkflowStatus.FAILED


def test_without_a_choice_the_fix_is_skipped() -> None:
    workflow = a_workflow(FIX)
    pending = due(workflow.state, NOW)
    assert isinstance(pending, ApplyFix)
    assert pending.choice == ""
    feed(workflow, Skip(step_id="fix", reason="no choice"))
    assert workflow.state.status is WorkflowStatus.COMPLETED


def test_a_paused_workflow_begins_nothing_and_takes_results() -> None:
    workflow = a_workflow()
    feed(workflow, Begin(step_id="look"), Pause(by="ada"), Succeed(step_id="look"))
    assert due(workflow.state, NOW) is None
    feed(workflow, Resume(by="ada"))
    assert isinstance(due(workflow.state, NOW), RunReasoning)


@pytest.mark.parametrize("control", [Resume(by="a"), Pause(by="a"), Cancel(by="a", reason="r")])
def test_an_ended_workflow_refuses_control(control: Input) -> None:
    workflow = a_workflow(FIX)
    feed(workflow, Skip(step_id="fix", reason="x"))
    with pytest.raises(WrongStateError):
        workflow.handle(control, NOW)


_ids = st.sampled_from(["look", "think", "decide", "pause", "wait", "fix", "nowhere"])
_times = st.integers(0, 20).map(lambda seconds: NOW + timedelta(seconds=seconds))
_inputs: st.SearchStrategy[Input] = st.one_of(
    st.builds(Begin, step_id=_ids, work_id=st.just(UUID(int=1)), until=st.none() | _times),
    st.builds(Succeed, step_id=_ids),
    st.builds(Fail, step_id=_ids, error=st.just("e"), now=_times),
    st.builds(Skip, step_id=_ids, reason=st.just("r")),
    st.builds(Branch, step_id=_ids, held=st.none() | st.integers(0, 1)),
    st.builds(Wake, step_id=_ids, now=_times),
    st.builds(Pause, by=st.just("a")),
    st.builds(Resume, by=st.just("a")),
)


@given(st.lists(_inputs, max_size=40))
def test_replaying_the_events_rebuilds_the_state_after_any_inputs(inputs: list[Input]) -> None:
    workflow = a_workflow()
    for each in inputs:
        try:
            workflow.handle(each, NOW)
        except WrongStateError:
            continue
    events = [event for _, event, _ in workflow.collect()]
    state = WorkflowState()
    for event in events:
        state = evolve(state, event)
    assert state == workflow.state


@given(st.lists(_inputs, max_size=40))
def test_at_most_one_step_is_live_whatever_comes_in(inputs: list[Input]) -> None:
    workflow = a_workflow()
    for each in inputs:
        try:
            workflow.handle(each, NOW)
        except WrongStateError:
            continue
    live = [s for s in statuses(workflow).values() if s in ("scheduled", "running")]
    assert len(live) == (0 if workflow.state.status in (WorkflowStatus.COMPLETED, WorkflowStatus.FAILED) else 1)


def test_a_workflow_that_was_cancelled_in_a_wait_wakes_no_more() -> None:
    workflow = a_workflow(PAUSE)
    feed(workflow, Begin(step_id="pause", until=NOW + timedelta(seconds=5)))
    assert wakes_at(workflow.state) is not None
    feed(workflow, Cancel(by="user:ada", reason="it recovered"))
    assert wakes_at(workflow.state) is None, "its timer would ring again and again"


def test_a_backoff_stops_growing_after_an_hour() -> None:
    endless = CommandStep(id="look", tool="kubectl", action="get", retry=Retry(max_attempts=20, backoff=3.6e9))
    workflow = a_workflow(endless)
    feed(workflow, Begin(step_id="look"), Fail(step_id="look", error="x", now=NOW))
    assert wakes_at(workflow.state) == NOW + timedelta(hours=1)
