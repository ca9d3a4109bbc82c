"""A diagnosis that nothing came of is made once more when a telling sign comes that it had not seen; and only then."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from aetherius.domain import remediation
from aetherius.domain.identity import stable_id
from aetherius.domain.incident import (
    Diagnosed,
    Doubted,
    EventsCorrelated,
    Incident,
    IncidentStatus,
    Mitigated,
    Resolved,
)
from aetherius.domain.strategy import Selected
from aetherius.domain.workflow.events import Completed, Started, StepScheduled, StepSucceeded
from aetherius.orchestrator.workflow.shipped import ShippedWorkflows, shipped
from aetherius.orchestrator.workflow.starter import WorkflowStarter, workflow_of
from aetherius.orchestrator.workflow.unseen_signs import MOST
from aetherius.readers.testing import START, ProcessCase, like
from remediation_case import DONE, YES
from story_events import ANALYSIS, ASK, FIX, INCIDENT, REMEDIATION, WORKFLOW, asked, begun, opened, proposed, started

SECOND = stable_id("Workflow", INCIDENT, 0, 1)
LOOP = EventsCorrelated(count=1, ids=[UUID(int=1)], reasons=["CrashLoopBackOff"])
KILL = EventsCorrelated(count=1, ids=[UUID(int=2)], reasons=["OOMKilled"])
NOTE = remediation.Executed(command_id=None, summary="told the owner")
OVER = (StepSucceeded(step_id="remediate", output={}), Completed(outcome="told"))


WORKFLOWS = ShippedWorkflows(shipped(), {})


def diagnosed() -> Diagnosed:
    return Diagnosed(analysis_id=ANALYSIS, root_cause="unknown", confidence=0.0, summary="no loop", evidence=[])


def noted(*between: Any, done: remediation.Executed = NOTE, first: str = "OOMKilled") -> ProcessCase:
    """An incident whose owner was told, and that is all. `between`: what came of it after the question and before the workflow's end."""
    case = ProcessCase(lambda log, clock: WorkflowStarter(WORKFLOWS, clock))
    case.given(INCIDENT, opened(reason=first))
    case.given(INCIDENT, KILL)
    case.given(ANALYSIS, asked())
    case.given(INCIDENT, *between, diagnosed())
    case.given(REMEDIATION, proposed("Notify"), YES, done)
    case.given(
        WORKFLOW,
        started(ASK, FIX),
        *begun(ASK, ANALYSIS),
        StepSucceeded(step_id="analyze", output={}),
        *begun(FIX, REMEDIATION),
    )
    case.go_on()
    return case


def test_a_loop_that_is_told_after_the_end_is_looked_into() -> None:
    case = noted()
    case.given(WORKFLOW, *OVER)
    case.go_on()
    case.when(INCIDENT, LOOP)
    case.then(
        Doubted(reason="CrashLoopBackOff"),
        like(Selected, workflow_id=SECOND),
        like(Started, trigger="CrashLoopBackOff"),
        StepScheduled,
    )
    incident = case.log.load(Incident, INCIDENT)
    assert (incident.status, incident.looks, workflow_of(incident)) == (IncidentStatus.OPEN, 1, SECOND)


def test_one_that_came_while_the_reasoner_thought_is_looked_into_at_the_end() -> None:
    case = noted(LOOP)
    case.then_nothing()
    case.when(WORKFLOW, *OVER)
    case.then(Doubted, like(Selected, workflow_id=SECOND), Started, StepScheduled)


def test_what_was_seen_is_no_news() -> None:
    case = noted(first="CrashLoopBackOff")
    case.given(WORKFLOW, *OVER)
    case.go_on()
    case.when(INCIDENT, LOOP)
    case.then_nothing()


def test_a_sign_that_tells_no_more_is_no_news() -> None:
    case = noted()
    case.given(WORKFLOW, *OVER)
    case.go_on()
    case.when(INCIDENT, KILL)
    case.then_nothing()


def test_a_workflow_that_goes_on_is_left_to_it() -> None:
    case = noted()
    case.when(INCIDENT, LOOP)
    case.then_nothing()


def test_what_was_changed_is_verified_by_looking_and_not_doubted() -> None:
    case = noted(done=DONE)
    case.given(WORKFLOW, *OVER)
    case.go_on()
    case.when(INCIDENT, LOOP)
    case.then_nothing()


@pytest.mark.parametrize(
    "end", [Resolved(how="recovered", summary="well"), Mitigated(remediation_id=REMEDIATION, summary="well")]
)
def test_what_is_over_or_mitigated_is_not_doubted(end: Any) -> None:
    case = noted()
    case.given(WORKFLOW, *OVER)
    case.given(INCIDENT, end)
    case.go_on()
    case.when(INCIDENT, LOOP)
    case.then_nothing()


def test_it_is_looked_into_a_few_times_at_most() -> None:
    incident = Incident.replay(INCIDENT, [opened(), *([diagnosed(), Doubted(reason="x")] * MOST), diagnosed()])
    assert incident.looks == MOST
    case = noted()
    case.given(WORKFLOW, *OVER)
    case.given(INCIDENT, *([Doubted(reason="x"), diagnosed()] * MOST))
    last = stable_id("Workflow", INCIDENT, 0, MOST)
    case.given(last, started(ASK, FIX), *begun(ASK, ANALYSIS), *begun(FIX, REMEDIATION), *OVER)
    case.go_on()
    case.when(INCIDENT, LOOP)
    case.then_nothing()


def test_only_a_diagnosis_can_be_doubted() -> None:
    incident = Incident.replay(INCIDENT, [opened()])
    assert not incident.doubt("x", START)
