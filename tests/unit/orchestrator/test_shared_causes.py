"""Common cause first: one incident for what several have in common, its members linked, and over with the last of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aetherius.domain import command, remediation
from aetherius.domain.incident import Incident, IncidentStatus, Linked, Opened, Resolved
from aetherius.domain.plan import DryRun, Plan
from aetherius.domain.wire.event import Labels, RawData, Severity
from aetherius.domain.workflow.events import StepSkipped
from aetherius.orchestrator import state_tables
from aetherius.orchestrator.correlation import shared_causes
from aetherius.orchestrator.correlation.correlator import Correlator
from aetherius.readers.testing import ProcessCase, like
from driver_case import DriverCase
from remediation_case import YES, RemediationCase, phase
from story_events import (
    ANALYSIS,
    ASK,
    DECIDE,
    FIX,
    INCIDENT,
    LOOK,
    REMEDIATION,
    WORKFLOW,
    begun,
    concluded,
    lost_node,
    opened,
    proposed,
    reported,
    started,
)
from story_events import asked as analysis_asked

MINUTE = 60
PARENT = UUID(int=0xC0)
AWAY = "dial tcp 1.2.3.4:443: i/o timeout"


class Case(ProcessCase):
    """A correlator."""

    def __init__(self) -> None:
        super().__init__(self._make)

    def _make(self, log: Any, clock: Any) -> Correlator:
        self.tables = state_tables.in_memory(log)
        return Correlator(clock, self.tables.subjects, self.tables.suspicions)

    def fails(self, name: str, after: float, reason: str = "ErrImagePull", said: str = AWAY, **changes: Any) -> None:
        """A workload's pod says so, and it is read."""
        self.tell(name, after, reason, message=said, **changes)
        self.go_on()

    def tell(self, name: str, after: float, reason: str, **changes: Any) -> None:
        labels = Labels(kind="Pod", name=f"{name}-1", node="n1", owner_kind="Deployment", owner_name=name)
        raw = RawData(container="app", image=f"ghcr.io/shop/{name}:1")
        reported(self, reason, after=after, **{"labels": labels, "raw_data": raw, **changes})

    def well(self, name: str, after: float) -> None:
        """It is over."""
        self.tell(name, after, "PodRecovered", severity=Severity.LOW)
        self.go_on()

    def loses(self, name: str, after: float, zone: str = "eu-1a") -> None:
        """A node stops being ready."""
        owner = ("Zone", zone) if zone else ("", "")
        labels = Labels(kind="Node", name=name, owner_kind=owner[0], owner_name=owner[1])
        reported(self, "NodeNotReady", after=after, kind="Node", labels=labels, severity=Severity.CRITICAL)
        self.go_on()

    def all(self) -> list[Incident]:
        """Every incident there is."""
        ids = dict.fromkeys(each.stream_id for each in self.log.read(0, 1000) if isinstance(each.event, Opened))
        return [self.log.load(Incident, id) for id in ids]

    def shared(self) -> list[Incident]:
        """Those of what is shared."""
        return [each for each in self.all() if each.symptom == "shared_cause"]

    def members(self) -> dict[str, UUID | None]:
        """What each of the others is part of."""
        found = [each for each in self.all() if each.symptom != "shared_cause" and each.opened]
        return {each.opened.name: each.part_of for each in found if each.opened}


def three(case: Case) -> Incident:
    for number, name in enumerate(("web", "api", "card")):
        case.fails(name, MINUTE * number)
    [parent] = case.shared()
    return parent


class TestTheThing:
    def test_three_within_minutes_are_one_trouble(self) -> None:
        case = Case()
        case.fails("web", 0)
        case.fails("api", MINUTE)
        assert case.shared() == []
        case.fails("card", 2 * MINUTE)
        [parent] = case.shared()
        assert parent.opened is not None
        assert (parent.opened.kind, parent.opened.name, parent.opened.reason) == ("Registry", "ghcr.io", "SharedCause")
        assert parent.event_count == 3
        assert case.members() == dict.fromkeys(("web", "api", "card"), parent.id)

    def test_the_same_workload_thrice_is_one(self) -> None:
        case = Case()
        for number in range(4):
            case.fails("web", number)
        assert case.shared() == []

    def test_an_hour_apart_they_are_three_troubles(self) -> None:
        case = Case()
        for number, name in enumerate(("web", "api", "card")):
            case.fails(name, 11 * MINUTE * number)
        assert case.shared() == []

    def test_who_is_well_again_is_not_counted(self) -> None:
        case = Case()
        case.fails("web", 0)
        case.well("web", 30)
        case.fails("api", MINUTE)
        case.fails("card", 2 * MINUTE)
        assert case.shared() == []

    def test_who_comes_later_is_linked_at_once(self) -> None:
        case = Case()
        parent = three(case)
        case.fails("late", 30 * MINUTE)
        assert case.members()["late"] == parent.id
        assert len(case.shared()) == 1
        assert case.log.load(Incident, parent.id).event_count == 4

    def test_another_cause_is_not_part_of_it(self) -> None:
        case = Case()
        three(case)
        case.fails("bad", 3 * MINUTE, said="manifest unknown")
        assert case.members()["bad"] is None

    def test_it_is_as_bad_as_its_worst_member(self) -> None:
        case = Case()
        parent = three(case)
        case.fails("late", 4 * MINUTE, severity=Severity.CRITICAL)
        assert case.log.load(Incident, parent.id).severity is Severity.CRITICAL

    def test_all_in_one_batch_are_as_many(self) -> None:
        case = Case()
        for number, name in enumerate(("web", "api", "card", "mail")):
            case.tell(name, number, "ErrImagePull", message=AWAY)
        case.go_on()
        [parent] = case.shared()
        assert set(case.members().values()) == {parent.id}

    def test_a_public_registry_is_one_from_every_cluster(self) -> None:
        case = Case()
        for number, cluster in enumerate(("north", "south", "west")):
            case.fails("web", number, cluster_id=cluster)
        [parent] = case.shared()
        assert parent.opened is not None
        assert parent.opened.cluster_id == "north"


class TestItsEnd:
    def test_it_is_over_with_its_last_member(self) -> None:
        case = Case()
        parent = three(case)
        for name in ("web", "api"):
            case.well(name, 10 * MINUTE)
        assert case.log.load(Incident, parent.id).active
        case.well("card", 11 * MINUTE)
        case.go_on()
        assert case.log.load(Incident, parent.id).status is IncidentStatus.RESOLVED

    def test_it_is_reopened_when_it_comes_back_soon(self) -> None:
        case = Case()
        parent = three(case)
        for name in ("web", "api", "card"):
            case.well(name, 5 * MINUTE)
        case.go_on()
        for number, name in enumerate(("web", "api", "card")):
            case.fails(name, 7 * MINUTE + number)
        assert [each.id for each in case.shared()] == [parent.id]
        assert case.log.load(Incident, parent.id).reopened == 1
        assert set(case.members().values()) == {parent.id}

    def test_much_later_it_is_another_one(self) -> None:
        case = Case()
        three(case)
        for name in ("web", "api", "card"):
            case.well(name, 5 * MINUTE)
        case.go_on()
        for number, name in enumerate(("web", "api", "card")):
            case.fails(name, 120 * MINUTE + number)
        assert [each.active for each in case.shared()] == [False, True]

    def test_a_member_that_nobody_waits_for_is_linked_all_the_same(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(shared_causes, "MAX_MEMBERS", 3)
        case = Case()
        parent = three(case)
        case.fails("late", 4 * MINUTE)
        assert case.members()["late"] == parent.id


class TestNodes:
    def test_three_of_a_zone_are_the_zones_trouble(self) -> None:
        case = Case()
        for number in range(3):
            case.loses(f"n{number}", number)
        [parent] = case.shared()
        assert parent.opened is not None
        assert (parent.opened.kind, parent.opened.name) == ("Zone", "eu-1a")

    def test_what_is_the_zones_is_not_the_clusters_as_well(self) -> None:
        case = Case()
        for number in range(5):
            case.loses(f"n{number}", number)
        assert len(case.shared()) == 1

    def test_four_that_lie_apart_are_the_clusters(self) -> None:
        case = Case()
        for number in range(4):
            case.loses(f"n{number}", number, zone=f"eu-1{'abcd'[number]}")
        [parent] = case.shared()
        assert parent.opened is not None
        assert (parent.opened.kind, parent.opened.name) == ("Cluster", "north")


class TestNoRepairOfMembers:
    def test_a_member_is_not_proposed_a_repair(self) -> None:
        case = DriverCase()
        part_of(case)
        case.given(WORKFLOW, started(ASK, DECIDE, FIX), *begun(ASK, ANALYSIS))
        case.given(ANALYSIS, analysis_asked())
        case.when(ANALYSIS, concluded("OOM"))
        [skipped] = [each.event for each in case.decided if isinstance(each.event, StepSkipped)]
        assert "Zone eu-1a fails for several" in skipped.reason
        assert not [each for each in case.decided if isinstance(each.event, remediation.Proposed)]

    def test_one_that_is_approved_is_withdrawn(self) -> None:
        case = RemediationCase()
        part_of(case)
        case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, YES)
        case.then(like(remediation.Rejected, by="system:remediation"))

    def test_one_that_waits_for_a_yes_is_taken_back(self) -> None:
        case = asked()
        case.when(INCIDENT, Linked(parent_id=PARENT, reason="Zone eu-1a fails for several"))
        case.then(like(remediation.Rejected, by="system:remediation"))

    def test_one_that_has_begun_is_called_back(self) -> None:
        case = asked()
        case.when(REMEDIATION, YES)
        case.when(INCIDENT, Linked(parent_id=PARENT, reason="Zone eu-1a fails for several"))
        assert [each.stream_id for each in case.decided if isinstance(each.event, command.Cancelled)] == [
            phase("execute")
        ]

    def test_once_the_common_trouble_is_over_it_may_be_repaired(self) -> None:
        case = RemediationCase()
        part_of(case)
        case.given(PARENT, Resolved(how="recovered", summary="well"))
        case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, YES)
        case.then(like(command.Issued))


def part_of(case: ProcessCase) -> None:
    """The incident is part of a zone's trouble."""
    case.given(PARENT, lost_node(kind="Zone", name="eu-1a", symptom="shared_cause", reason="SharedCause"))
    case.given(INCIDENT, opened(), Linked(parent_id=PARENT, reason="Zone eu-1a fails for several"))


def asked() -> RemediationCase:
    """A repair waits for a yes, and the common trouble is known."""
    case = RemediationCase()
    case.given(PARENT, lost_node(kind="Zone", name="eu-1a", symptom="shared_cause", reason="SharedCause"))
    case.given(INCIDENT, opened())
    case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
    plan = Plan(number=1, dry_run=DryRun.PASSED, told="raise")
    case.given(
        REMEDIATION,
        proposed(),
        remediation.ApprovalRequested(question="?", plan_follows=False),
        remediation.Planned(digest="d", plan=plan),
    )
    return case
