"""A law of every process manager: how the log happens to be cut into batches changes nothing of what comes out.

The stories are of two incidents whose events stand between each other's, in orders that may or may not happen: nobody may decide otherwise for a pause in reading.
`EventsCorrelated` is one event an incident and batch, and a severity rises once a batch: of these the incident's state must be the same, not the events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from aetherius.domain import command, remediation
from aetherius.domain.cluster import Registered, Repairs
from aetherius.domain.event import Event
from aetherius.domain.identity import cluster_stream, stable_id
from aetherius.domain.incident import EventsCorrelated, Incident, Opened, Reopened, Resolved
from aetherius.domain.repair.patience import Patience
from aetherius.domain.wire.event import Severity
from aetherius.domain.wire.identity import observation_id
from aetherius.domain.workflow import events
from aetherius.event_store.memory import MemoryLog
from aetherius.orchestrator import state_tables
from aetherius.orchestrator.correlation.correlator import Correlator
from aetherius.orchestrator.correlation.incident_process import IncidentProcess
from aetherius.orchestrator.remediation.process import RemediationProcess
from aetherius.orchestrator.workflow.driver import WorkflowDriver
from aetherius.orchestrator.workflow.shipped import ShippedWorkflows, shipped
from aetherius.orchestrator.workflow.starter import WorkflowStarter
from aetherius.readers.testing import START, Clock, ProcessCase
from sealed_state import KEYS, SEALING
from story_events import (
    ADA,
    ASK,
    DECIDE,
    FIX,
    INCIDENT,
    LOOK,
    RAISE,
    begun,
    concluded,
    opened,
    ordered,
    proposed,
    report,
    started,
)

Told = tuple[UUID, Event, datetime]
Make = Callable[[MemoryLog, Clock], Any]
INCIDENTS = (INCIDENT, UUID(int=0xA2))
WORKFLOWS = ShippedWorkflows(shipped(), {})
ENDED = Resolved(how="recovered", summary="well")
AGAIN = Reopened(event_id=UUID(int=1), reason="CrashLoopBackOff")

cuts = st.lists(st.integers(1, 4), max_size=12)
"""How many events each batch has; what is left comes one by one."""


def workflow_of(incident: UUID) -> UUID:
    return stable_id("Workflow", incident, 0)


def remediation_of(incident: UUID) -> UUID:
    return stable_id("Remediation", workflow_of(incident), "remediate")


def read(make: Make, before: Sequence[Told], story: Sequence[Told], cut: Sequence[int] | None) -> ProcessCase:
    """The case after it has read a story: in batches of these sizes and then one by one, or whole."""
    case = ProcessCase(make, sealing=SEALING)
    for stream, event, at in before:
        case.given(stream, event, at=at)
    for stream, event, at in story:
        case.heard(stream, event, at=at)
    for size in cut or ():
        case.read(size)
    while case.read(1) if cut is not None else case.read():
        pass
    return case


def decisions(case: ProcessCase) -> dict[UUID, list[tuple[Event, object]]]:
    """What was decided, by stream, with what led to it."""
    found: dict[UUID, list[tuple[Event, object]]] = {}
    for each in case.decided:
        found.setdefault(each.stream_id, []).append((each.event, each.cause))
    return found


def assert_lawful(make: Make, before: Sequence[Told], story: Sequence[Told], cut: Sequence[int]) -> None:
    assert decisions(read(make, before, story, cut)) == decisions(read(make, before, story, None))


def happened(stream: UUID, *events: Event) -> list[Told]:
    return [(stream, event, START) for event in events]


def stories(*happenings: Callable[[UUID], tuple[UUID, Event]]) -> st.SearchStrategy[list[Told]]:
    """Any of these, to either incident, in any order."""
    one = st.tuples(st.sampled_from(happenings), st.sampled_from(INCIDENTS))
    return st.lists(one.map(lambda each: (*each[0](each[1]), START)), max_size=12)


@settings(max_examples=40)
@given(
    stories(
        lambda id: (id, EventsCorrelated(count=1, ids=[id], reasons=["CrashLoopBackOff"], pods=["web-2"])),
        lambda id: (id, EventsCorrelated(count=1, ids=[id], reasons=["BackOff"])),
        lambda id: (id, ENDED),
        lambda id: (id, AGAIN),
    ),
    cuts,
)
def test_the_starter(story: list[Told], cut: list[int]) -> None:
    first = [told for id in INCIDENTS for told in happened(id, opened(reason="OOMKilled"))]
    assert_lawful(lambda log, clock: WorkflowStarter(WORKFLOWS, clock), [], [*first, *story], cut)


@settings(max_examples=40)
@given(
    stories(
        lambda id: (
            stable_id("Analysis", workflow_of(id), "analyze", 1),
            concluded(incident_id=id, workflow_id=workflow_of(id)),
        ),
        lambda id: (
            stable_id("Analysis", workflow_of(id), "analyze", 2),
            concluded("unknown", word="Recovered", incident_id=id),
        ),
        lambda id: (remediation_of(id), remediation.Verified(command_id=None, summary="well")),
        lambda id: (id, ENDED),
        lambda id: (id, AGAIN),
    ),
    cuts,
)
def test_the_incident_process(story: list[Told], cut: list[int]) -> None:
    before = [
        told
        for id in INCIDENTS
        for told in (
            *happened(id, opened()),
            *happened(remediation_of(id), proposed(incident_id=id, workflow_id=workflow_of(id))),
        )
    ]
    assert_lawful(lambda log, clock: IncidentProcess(clock), before, story, cut)


def look_of(incident: UUID, attempt: int = 1) -> UUID:
    return stable_id("Command", workflow_of(incident), "look", attempt)


@settings(max_examples=40)
@given(
    stories(
        lambda id: (look_of(id), command.Succeeded(exit_code=0, output="OOMKilled")),
        lambda id: (look_of(id), command.Failed(error="no such pod")),
        lambda id: (
            stable_id("Analysis", workflow_of(id), "analyze", 1),
            concluded(incident_id=id, workflow_id=workflow_of(id)),
        ),
        lambda id: (remediation_of(id), remediation.Verified(command_id=None, summary="well")),
        lambda id: (remediation_of(id), remediation.Rejected(by=ADA, reason="no")),
        lambda id: (workflow_of(id), events.Paused(by=ADA)),
        lambda id: (workflow_of(id), events.Resumed(by=ADA)),
        lambda id: (workflow_of(id), events.Cancelled(by=ADA, reason="enough")),
        lambda id: (id, ENDED),
        lambda id: (id, AGAIN),
    ),
    cuts,
)
def test_the_driver(story: list[Told], cut: list[int]) -> None:
    def make(log: MemoryLog, clock: Clock) -> WorkflowDriver:
        return WorkflowDriver(clock, KEYS, state_tables.in_memory(log).awaited)

    before = []
    for id in INCIDENTS:
        workflow = workflow_of(id)
        before += happened(id, opened())
        before += happened(workflow, started(LOOK, ASK, DECIDE, FIX, incident_id=id), *begun(LOOK, look_of(id)))
        before += happened(look_of(id), ordered(workflow_id=workflow))
    assert_lawful(make, before, story, cut)


def phase_of(incident: UUID, phase: str) -> UUID:
    return stable_id("Command", remediation_of(incident), phase)


@settings(max_examples=40)
@given(
    stories(
        lambda id: (remediation_of(id), remediation.Approved(by=ADA)),
        lambda id: (remediation_of(id), remediation.Rejected(by=ADA, reason="no")),
        lambda id: (phase_of(id, "execute"), command.Succeeded(output="?")),
        lambda id: (phase_of(id, "execute"), command.Lost(reason="expired")),
        lambda id: (phase_of(id, "verify"), command.Succeeded(output='{"verified": true, "summary": "well"}')),
        lambda id: (phase_of(id, "verify"), command.Lost(reason="expired")),
        lambda id: (workflow_of(id), events.Cancelled(by=ADA, reason="enough")),
        lambda id: (id, ENDED),
        lambda id: (id, AGAIN),
    ),
    cuts,
    st.booleans(),
)
def test_the_remediation_process(story: list[Told], cut: list[int], is_ordered: bool) -> None:
    def make(log: MemoryLog, clock: Clock) -> RemediationProcess:
        return RemediationProcess(clock, Patience(), KEYS, state_tables.in_memory(log).admissions)

    before = happened(cluster_stream("north"), Registered(cluster_id="north", repairs=Repairs.ON))
    for id in INCIDENTS:
        workflow, repair = workflow_of(id), remediation_of(id)
        before += happened(id, opened())
        before += happened(workflow, started(FIX, incident_id=id), *begun(FIX, repair))
        before += happened(repair, proposed(incident_id=id, workflow_id=workflow))
        for name, action in (("execute", "UpdateResourceLimits"), ("verify", "VerifyWorkload")) if is_ordered else ():
            order = ordered(
                workflow_id=workflow,
                remediation_id=repair,
                step_id=name,
                tool="repair",
                action=action,
                parameters=RAISE if name == "execute" else {},
            )
            before += happened(phase_of(id, name), order)
    assert_lawful(make, before, story, cut)


@st.composite
def reports(draw: st.DrawFn) -> list[Told]:
    """Signs and recoveries of three pods of a workload, and of a node; some come late, some after hours."""
    reasons = (
        "OOMKilled",
        "CrashLoopBackOff",
        "ErrImagePull",
        "PodRemoved",
        "PodRecovered",
        "NodeNotReady",
        "NodeReady",
    )
    story: list[Told] = []
    seconds = 0
    for number in range(draw(st.integers(1, 14))):
        seconds += draw(st.sampled_from([0, 5, 60, 700, 4000]))
        at = START + timedelta(seconds=seconds - draw(st.sampled_from([0, 0, 30])))
        reason = draw(st.sampled_from(reasons))
        kind = "Node" if reason.startswith("Node") else "Pod"
        name = "n1" if kind == "Node" else draw(st.sampled_from(["web-1", "web-2", "web-3"]))
        severity = draw(st.sampled_from([Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL]))
        said = report(reason, kind=kind, name=name, severity=severity, message=f"number {number}")
        story.append((UUID(observation_id("north", at, number)), said, at))
    return story


def incidents(case: ProcessCase) -> dict[UUID, dict[str, Any]]:
    """What matters of each incident."""
    found: dict[UUID, dict[str, Any]] = {}
    for id in {each.stream_id for each in case.log.read(0, 10_000, [Opened.topic])}:
        incident = case.log.load(Incident, id)
        found[id] = {
            "status": incident.status,
            "opened": incident.opened,
            "severity": incident.severity,
            "signs": incident.event_count,
            "reasons": incident.reasons,
            "pods": list(incident.pods),
            "turns": [each.event for each in case.log.stream(id) if isinstance(each.event, Resolved | Reopened)],
        }
    return found


@settings(max_examples=100)
@given(reports(), cuts)
def test_the_correlator(story: list[Told], cut: list[int]) -> None:
    def told(cut: Sequence[int] | None) -> tuple[Any, Any]:
        tables: list[Any] = []

        def make(log: MemoryLog, clock: Clock) -> Correlator:
            kept = state_tables.in_memory(log)
            tables.append(kept.subjects)
            return Correlator(clock, kept.subjects, kept.suspicions)

        case = read(make, [], story, cut)
        return incidents(case), {row.key: row for row in tables[0].all()}

    assert told(cut) == told(None)
