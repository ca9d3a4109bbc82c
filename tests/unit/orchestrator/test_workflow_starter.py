"""Which incident gets which workflow, and only once."""

from __future__ import annotations

from uuid import UUID

import pytest

from aetherius.domain.event import Event
from aetherius.domain.identity import stable_id
from aetherius.domain.incident import EventsCorrelated, Reopened, Resolved
from aetherius.domain.strategy import Selected
from aetherius.domain.workflow.events import Started, StepScheduled, Target
from aetherius.orchestrator.workflow.shipped import ShippedWorkflows, shipped
from aetherius.orchestrator.workflow.starter import WorkflowStarter
from aetherius.readers.testing import ProcessCase, like
from story_events import INCIDENT, WORKFLOW, lost_node, opened

WORKFLOWS = ShippedWorkflows(shipped(), {"diagnose_lost_node": {"grace": "30s"}})
AGAIN = Reopened(event_id=UUID(int=0xE2), reason="CrashLoopBackOff")
ENDED = Resolved(how="recovered", summary="well")


def a_case() -> ProcessCase:
    return ProcessCase(lambda log, clock: WorkflowStarter(WORKFLOWS, clock))


def signs(*reasons: str, pods: tuple[str, ...] = ()) -> EventsCorrelated:
    return EventsCorrelated(count=len(reasons), ids=[UUID(int=1)], reasons=list(reasons), pods=list(pods))


def targets(decided: list[Event]) -> list[Target]:
    return [event.target for event in decided if isinstance(event, Started)]


def test_an_incident_starts_the_workflow_that_waits_for_its_reason() -> None:
    case = a_case()
    case.when(INCIDENT, opened(reason="CrashLoopBackOff"))
    case.then(
        like(Selected, incident_id=INCIDENT, workflow_id=WORKFLOW, strategy="crash-loop"),
        like(Started, incident_id=INCIDENT, strategy="crash-loop", trigger="CrashLoopBackOff"),
        like(StepScheduled, step_id="settle"),
    )
    assert [pending.stream_id for pending in case.decided[1:]] == [WORKFLOW, WORKFLOW]


def test_parameters_of_the_settings_are_part_of_what_was_started() -> None:
    case = a_case()
    case.when(INCIDENT, lost_node())
    case.then(Selected, like(Started, parameters={"grace": "30s"}), like(StepScheduled, step_id="grace"))


def test_a_reason_that_no_workflow_waits_for_starts_nothing_until_one_comes() -> None:
    case = a_case()
    case.when(INCIDENT, opened(reason="OOMKilled"))
    case.then_nothing()
    case.when(INCIDENT, signs("Sunspots"))
    case.then_nothing()
    case.when(INCIDENT, signs("Sunspots", "CrashLoopBackOff"))
    case.then(Selected, like(Started, trigger="CrashLoopBackOff"), StepScheduled)


def test_a_kill_that_is_not_the_first_sign_is_looked_into() -> None:
    case = a_case()
    case.when(INCIDENT, opened(reason="OOMKilled"))
    case.then_nothing()
    case.when(INCIDENT, signs("OOMKilled"))
    case.then(Selected, like(Started, trigger="OOMKilled"), StepScheduled)


def test_what_has_its_workflow_gets_no_second_one() -> None:
    case = a_case()
    case.when(INCIDENT, opened(), signs("CrashLoopBackOff"))
    case.then(Selected, Started, StepScheduled)
    case.when(INCIDENT, signs("CrashLoopBackOff"))
    case.then_nothing()


def test_what_was_opened_again_gets_another_one() -> None:
    case = a_case()
    case.when(INCIDENT, opened())
    case.when(INCIDENT, ENDED, AGAIN)
    case.then(like(Selected, workflow_id=stable_id("Workflow", INCIDENT, 1)), Started, StepScheduled)


def test_what_has_ended_starts_nothing() -> None:
    case = a_case()
    case.given(INCIDENT, opened(reason="OOMKilled"), ENDED)
    case.when(INCIDENT, signs("CrashLoopBackOff"))
    case.then_nothing()


def test_a_symptom_that_nobody_looks_into_starts_nothing() -> None:
    case = a_case()
    case.when(INCIDENT, opened(symptom="sunspots"))
    case.then_nothing()


@pytest.mark.parametrize(
    ("events", "pod", "container"),
    [
        ([opened()], "web-1", "app"),
        ([opened(reason="OOMKilled"), signs("CrashLoopBackOff", pods=("web-2",))], "web-2", ""),
        ([opened(pod="")], "", "app"),
        ([opened(reason="OOMKilled"), ENDED, AGAIN], "", ""),
    ],
    ids=["the-first", "the-latest", "none", "none-since-it-was-reopened"],
)
def test_it_looks_at_the_pod_that_showed_the_symptom_last(events: list[Event], pod: str, container: str) -> None:
    case = a_case()
    case.given(INCIDENT, *events[:-1])
    (target,) = targets(case.when(INCIDENT, events[-1]))
    assert (target.pod, target.container, target.name) == (pod, container, "web")
