"""From reports to incidents: opened, folded in, reopened, and ended."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from aetherius.domain.event import Cause, event_id
from aetherius.domain.fault.fault import REOPEN_WITHIN
from aetherius.domain.identity import stable_id
from aetherius.domain.incident import Escalated, EventsCorrelated, Mitigated, Opened, Reopened, Resolved
from aetherius.domain.remediation import Approved, Executed, Rejected
from aetherius.domain.wire.event import Labels, Severity
from aetherius.domain.workflow.events import Started
from aetherius.orchestrator import state_tables
from aetherius.orchestrator.correlation import correlator
from aetherius.orchestrator.correlation.correlated_subjects import CorrelatedSubject
from aetherius.orchestrator.correlation.correlator import Correlator
from aetherius.readers.state_tables.memory import MemoryTable
from aetherius.readers.testing import ProcessCase, like
from aetherius.readers.unit import Unit
from state_table_site import no_rows
from story_events import (
    ADA,
    DECIDE,
    FIX,
    LOOK,
    REMEDIATION,
    WORKFLOW,
    begun,
    opened,
    proposed,
    report,
    reported,
    started,
)
from story_events import INCIDENT as OTHER

MINUTE, HOUR = 60, 3600


class Case(ProcessCase):
    """With a way to look at the rows."""

    def __init__(self) -> None:
        super().__init__(self._make)

    def _make(self, log: Any, clock: Any) -> Correlator:
        self.tables = state_tables.in_memory(log)
        return Correlator(clock, self.tables.subjects, self.tables.suspicions)

    def reads(self, reason: str, **changes: Any) -> UUID:
        """A report comes, and is read."""
        id = reported(self, reason, **changes)
        self.go_on()
        return id

    @property
    def subject(self) -> CorrelatedSubject:
        """The only row."""
        table = self.tables.subjects
        assert isinstance(table, MemoryTable)
        (only,) = table.all()
        assert isinstance(only, CorrelatedSubject)
        return only


@pytest.fixture
def case() -> Case:
    return Case()


def node(case: Case, reason: str, after: float) -> None:
    case.reads(reason, kind="Node", after=after, severity=Severity.CRITICAL)


class TestSigns:
    def test_the_first_sign_opens_an_incident_of_the_pods_owner(self, case: Case) -> None:
        sign = case.reads("CrashLoopBackOff", message="back-off")
        case.then(
            like(
                Opened,
                kind="Deployment",
                name="web",
                namespace="shop",
                symptom="crash_loop",
                severity=Severity.HIGH,
                reason="CrashLoopBackOff",
                message="back-off",
                onset=case.now,
                event_id=sign,
                pod="web-1",
                container="app",
                node="n1",
            )
        )
        assert case.subject.failing == {"web-1"}

    def test_the_story_begins_with_the_report_and_has_the_incidents_name(self, case: Case) -> None:
        id = UUID(int=0x0193_5B1C_0000_7000_8000_000000000001)
        case.when(id, report("CrashLoopBackOff"), cause=Cause(actor="agent:north", traceparent="00-ab-cd-01"))
        (pending,) = case.decided
        assert pending.cause == Cause(
            actor="system:correlator", correlation_id=pending.stream_id, causation_id=id, traceparent="00-ab-cd-01"
        )

    def test_a_lost_node_is_its_own_subject(self, case: Case) -> None:
        node(case, "NodeNotReady", 0)
        case.then(like(Opened, kind="Node", name="n1", namespace="", symptom="node_not_ready", pod=""))

    def test_what_is_no_sign_opens_nothing(self, case: Case) -> None:
        case.reads("Pulled")
        case.then_nothing()
        case.reads("PodRemoved")
        case.then_nothing()

    def test_further_signs_of_a_batch_are_folded_in_at_once(self, case: Case) -> None:
        case.reads("OOMKilled")
        ids = [reported(case, "CrashLoopBackOff", after=n, name=f"web-{n}") for n in (2, 1)]
        case.go_on()
        case.then(EventsCorrelated(count=2, ids=ids, reasons=["CrashLoopBackOff"], pods=["web-2", "web-1"]))

    def test_signs_in_the_batch_that_opens_it_are_folded_in_behind(self, case: Case) -> None:
        reported(case, "OOMKilled")
        more = reported(case, "CrashLoopBackOff", after=1)
        case.go_on()
        case.then(Opened, like(EventsCorrelated, count=1, ids=[more]))

    def test_a_worse_sign_raises_the_severity(self, case: Case) -> None:
        case.reads("OOMKilled", severity=Severity.MEDIUM)
        case.reads("OOMKilled", severity=Severity.CRITICAL, after=1)
        case.then(EventsCorrelated, Escalated(severity=Severity.CRITICAL, reason="OOMKilled"))
        case.reads("OOMKilled", severity=Severity.LOW, after=2)
        case.then(EventsCorrelated)

    def test_two_workloads_are_two_incidents(self, case: Case) -> None:
        reported(case, "OOMKilled")
        labels = Labels(kind="Pod", name="api-1", owner_kind="Deployment", owner_name="api")
        reported(case, "OOMKilled", labels=labels)
        case.go_on()
        case.then(like(Opened, name="web"), like(Opened, name="api"))

    def test_a_sign_that_is_read_again_opens_no_second_incident(self, case: Case) -> None:
        """As after its checkpoint and its rows were lost."""
        case.reads("OOMKilled")
        key, unit = case.subject.key, Unit(case.log, no_rows)
        case.tables.subjects.drop(unit, key)
        case.log.reset_checkpoint(case.manager.name)
        case.log.transact("somebody", 1, rows=unit.write)
        case.go_on()
        case.then_nothing()

    def test_more_pods_than_are_awaited_by_name_end_by_no_pods_end(
        self, case: Case, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(correlator, "MAX_FAILING", 2)
        for n in range(4):
            case.reads("OOMKilled", name=f"web-{n}", after=n)
        assert len(case.subject.failing) == 3
        for n in range(4):
            case.reads("PodRemoved", name=f"web-{n}", after=10 + n)
        case.then_nothing()


class TestEnds:
    def test_the_last_failing_pods_end_is_the_incidents(self, case: Case) -> None:
        for n in (1, 2):
            case.reads("ErrImagePull", name=f"web-{n}")
        case.reads("PodRecovered", name="web-1", after=MINUTE)
        case.then_nothing()
        case.reads("PodRecovered", name="web-2", after=MINUTE, message="ready")
        case.then(Resolved(how="recovered", summary="ready"))
        assert case.subject.failing == set()

    @pytest.mark.parametrize(("reason", "how"), [("PodRemoved", "gone"), ("PodReplaced", "recovered")])
    def test_how_it_ended_is_told(self, case: Case, reason: str, how: str) -> None:
        case.reads("CrashLoopBackOff")
        case.reads(reason, after=MINUTE, message="")
        case.then(Resolved(how=how, summary=reason))

    def test_what_was_mitigated_was_repaired(self, case: Case) -> None:
        case.reads("NodeNotReady", kind="Node")
        incident = case.decided[0].stream_id
        case.given(incident, Mitigated(remediation_id=REMEDIATION, summary="moved"))
        node(case, "NodeReady", MINUTE)
        case.then(like(Resolved, how="repaired"))

    def test_signs_of_the_same_batch_are_folded_in_before_the_end(self, case: Case) -> None:
        case.reads("CrashLoopBackOff")
        reported(case, "CrashLoopBackOff", after=1)
        reported(case, "PodRemoved", after=2)
        case.go_on()
        case.then(EventsCorrelated, Resolved)

    def test_a_recovery_of_what_has_ended_says_nothing(self, case: Case) -> None:
        case.reads("CrashLoopBackOff")
        case.reads("PodRemoved", after=1)
        case.reads("PodRemoved", after=2)
        case.then_nothing()

    def test_an_end_by_another_hand_is_noted(self, case: Case) -> None:
        case.reads("CrashLoopBackOff")
        incident = case.decided[0].stream_id
        case.pass_time(30)
        case.when(incident, Resolved(how="manual", summary="by hand"))
        case.then_nothing()
        assert case.subject.resolved_at == case.now

    def test_an_end_that_is_read_after_it_was_reopened_ends_nothing(self, case: Case) -> None:
        case.reads("CrashLoopBackOff")
        incident = case.decided[0].stream_id
        case.when(
            incident,
            Resolved(how="manual", summary="by hand"),
            Reopened(event_id=UUID(int=1), reason="CrashLoopBackOff"),
        )
        assert case.subject.resolved_at is None

    def test_an_end_of_an_incident_that_the_subject_has_no_more_is_not_its_end(self, case: Case) -> None:
        case.reads("CrashLoopBackOff")
        case.when(OTHER, opened(), Resolved(how="manual", summary="by hand"))
        case.then_nothing()
        assert case.subject.resolved_at is None

    def test_an_end_of_what_was_never_opened_is_nobodys(self, case: Case) -> None:
        case.when(OTHER, Resolved(how="manual", summary="by hand"))
        case.then_nothing()


class TestReturns:
    def end(self, case: Case) -> UUID:
        """Ends the incident a minute after the start."""
        case.reads("CrashLoopBackOff")
        incident = case.decided[0].stream_id
        case.reads("PodReplaced", after=MINUTE)
        return incident

    def test_trouble_that_is_back_soon_is_the_same_incident(self, case: Case) -> None:
        incident = self.end(case)
        sign = case.reads("OOMKilled", name="web-2", after=2 * MINUTE)
        case.then(Reopened(event_id=sign, reason="OOMKilled"), like(EventsCorrelated, ids=[sign]))
        assert {pending.stream_id for pending in case.decided} == {incident}
        assert case.subject.failing == {"web-2"}

    def test_trouble_that_is_back_late_is_another_incident(self, case: Case) -> None:
        incident = self.end(case)
        case.reads("OOMKilled", after=MINUTE + REOPEN_WITHIN.total_seconds() + 1)
        case.then(Opened)
        assert case.decided[0].stream_id != incident

    def test_an_echo_is_counted_and_opens_nothing(self, case: Case) -> None:
        self.end(case)
        case.reads("CrashLoopBackOff", after=MINUTE + correlator.QUIET.total_seconds())
        case.then(EventsCorrelated)
        assert case.subject.failing == set()

    def test_a_nodes_word_is_no_echo(self, case: Case) -> None:
        for reason, after in (("NodeNotReady", 0), ("NodeReady", 20), ("NodeNotReady", 21)):
            node(case, reason, after)
        case.then(Reopened, EventsCorrelated)

    def test_what_was_seen_before_the_return_belongs_before_it(self, case: Case) -> None:
        self.end(case)
        echo = reported(case, "CrashLoopBackOff", after=MINUTE + 1)
        back = reported(case, "CrashLoopBackOff", after=2 * MINUTE)
        case.go_on()
        case.then(like(EventsCorrelated, ids=[echo]), Reopened, like(EventsCorrelated, ids=[back]))

    def test_a_return_that_somebody_else_noticed_is_not_noticed_twice(self, case: Case) -> None:
        incident = self.end(case)
        case.given(incident, Reopened(event_id=UUID(int=1), reason="OOMKilled"))
        case.reads("OOMKilled", after=2 * MINUTE)
        case.then(EventsCorrelated)
        assert case.subject.resolved_at is None


class TestSilence:
    def test_a_sign_after_a_long_silence_ends_what_was_and_begins_anew(self, case: Case) -> None:
        case.reads("CrashLoopBackOff")
        first = case.decided[0].stream_id
        case.reads("CrashLoopBackOff", after=correlator.SILENCE.total_seconds() + 1)
        case.then(like(Resolved, how="silent"), Opened)
        assert [pending.stream_id == first for pending in case.decided] == [True, False]

    def test_a_late_report_is_no_silence(self, case: Case) -> None:
        case.reads("CrashLoopBackOff", after=HOUR)
        case.reads("CrashLoopBackOff", after=0)
        case.then(EventsCorrelated)
        case.reads("CrashLoopBackOff", after=2 * HOUR)
        case.then(EventsCorrelated)

    def test_a_silence_of_what_has_ended_ends_nothing(self, case: Case) -> None:
        case.reads("CrashLoopBackOff")
        incident = case.decided[0].stream_id
        case.given(incident, Resolved(how="manual", summary="by hand"))  # nobody told the correlator yet
        case.reads("CrashLoopBackOff", after=2 * HOUR)
        case.then(Opened)

    def test_a_lost_node_is_silent(self, case: Case) -> None:
        node(case, "NodeNotReady", 0)
        node(case, "NodeNotReady", 3 * HOUR)
        case.then(EventsCorrelated)


class TestRepairs:
    """A repair replaces pods itself: what is told of them meanwhile is no end."""

    def given_a_workflow(self, case: Case, incident: UUID, *more: Any) -> UUID:
        workflow = stable_id("Workflow", incident, 0)
        case.given(workflow, started(LOOK, DECIDE, FIX, incident_id=incident), *more)
        return workflow

    @pytest.mark.parametrize(
        ("remediation", "decided"),
        [
            ([Approved(by=ADA)], []),
            ([Approved(by=ADA), Executed(command_id=None, summary="done")], []),
            ([Approved(by=ADA), Rejected(by=ADA, reason="no")], [Resolved]),
            ([], [Resolved]),
        ],
        ids=["approved", "executed", "rejected", "only-proposed"],
    )
    def test_while_a_repair_is_under_way_no_pods_end_ends_it(
        self, case: Case, remediation: list[Any], decided: list[type[Any]]
    ) -> None:
        case.reads("CrashLoopBackOff")
        self.given_a_workflow(case, case.decided[0].stream_id, *begun(FIX, REMEDIATION))
        case.given(REMEDIATION, proposed(), *remediation)
        case.reads("PodReplaced", after=MINUTE)
        case.then(*decided)

    def test_a_workflow_that_only_looks_is_no_repair(self, case: Case) -> None:
        case.reads("CrashLoopBackOff")
        self.given_a_workflow(case, case.decided[0].stream_id, *begun(LOOK, UUID(int=5)))
        case.reads("PodReplaced", after=MINUTE)
        case.then(Resolved)

    def test_a_repair_that_is_not_yet_proposed_is_none(self, case: Case) -> None:
        case.reads("CrashLoopBackOff")
        self.given_a_workflow(case, case.decided[0].stream_id, begun(FIX)[0])
        case.reads("PodReplaced", after=MINUTE)
        case.then(Resolved)

    def test_a_node_that_is_back_is_well_whoever_repairs(self, case: Case) -> None:
        node(case, "NodeNotReady", 0)
        self.given_a_workflow(case, case.decided[0].stream_id, *begun(FIX, REMEDIATION))
        case.given(REMEDIATION, proposed("DrainNode"), Approved(by=ADA))
        node(case, "NodeReady", MINUTE)
        case.then(Resolved)


def test_what_it_decides_says_which_event_led_to_it(case: Case) -> None:
    case.reads("CrashLoopBackOff")
    sign = reported(case, "CrashLoopBackOff", after=1)
    end = reported(case, "PodRemoved", after=2)
    case.go_on()
    assert [pending.cause.causation_id for pending in case.decided] == [event_id(sign, 1), event_id(end, 1)]


def test_events_of_other_topics_are_not_for_it(case: Case) -> None:
    case.when(WORKFLOW, started(LOOK))
    assert Started.topic not in case.manager.topics
    case.then_nothing()
