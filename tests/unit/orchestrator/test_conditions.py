"""What conditions see of steps that were done, failed, or passed over."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from aetherius.domain.workflow.definition import CommandStep, WaitStep, WorkflowDefinition
from aetherius.domain.workflow.events import Started, Target
from aetherius.domain.workflow.workflow import Begin, Fail, Start, Workflow
from aetherius.orchestrator.workflow import conditions

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
LOOK = CommandStep(id="look", tool="kubectl", action="describe")


def test_a_condition_sees_why_a_command_failed() -> None:
    workflow = Workflow(uuid4())
    definition = WorkflowDefinition(name="w", triggers=["X"], steps=[LOOK, WaitStep(id="rest", duration=1.0)])
    started = Started(
        incident_id=uuid4(),
        definition=definition,
        target=Target(cluster_id="c", namespace="n", kind="Pod", name="web"),
        strategy="s",
        parameters={},
        trigger="X",
    )
    for each in (
        Start(started=started),
        Begin(step_id="look"),
        Fail(step_id="look", error="Refused: grammar: --raw is denied", now=NOW),
    ):
        workflow.handle(each, NOW)
    names, values = conditions.declared([LOOK]), conditions.bindings(workflow.state, [LOOK])
    assert conditions.holds("look.status == 'failed' && look.error.contains('denied')", names, values)
