"""What conclusions and verified repairs do to an incident."""

from __future__ import annotations

from aetherius.domain.incident import Diagnosed, Mitigated, Resolved
from aetherius.domain.remediation import Approved, Executed, Verified
from aetherius.orchestrator.correlation.incident_process import IncidentProcess
from aetherius.readers.testing import ProcessCase, like
from story_events import ADA, ANALYSIS, INCIDENT, REMEDIATION, concluded, lost_node, opened, proposed

VERIFIED = Verified(command_id=None, summary="no OOM kill for 60s")


def a_case() -> ProcessCase:
    return ProcessCase(lambda log, clock: IncidentProcess(clock))


def given_a_repair(case: ProcessCase, action: str) -> None:
    case.given(
        REMEDIATION, proposed(action), Approved(by=ADA), Executed(command_id=None, summary="raised the memory limit")
    )


def test_a_conclusion_becomes_the_diagnosis() -> None:
    case = a_case()
    case.given(INCIDENT, opened())
    case.when(ANALYSIS, concluded("OOM"))
    case.then(like(Diagnosed, analysis_id=ANALYSIS, root_cause="OOM", confidence=0.9, summary="killed twice"))


def test_not_to_know_is_a_diagnosis_too() -> None:
    case = a_case()
    case.given(INCIDENT, opened())
    case.when(ANALYSIS, concluded("unknown", word="unknown"))
    case.then(like(Diagnosed, root_cause="unknown"))


def test_what_is_over_by_itself_is_diagnosed_and_resolved() -> None:
    case = a_case()
    case.given(INCIDENT, lost_node())
    case.when(ANALYSIS, concluded("unknown", word="Recovered"))
    case.then(Diagnosed, Resolved(how="recovered", summary="killed twice"))


def test_an_incident_that_has_ended_is_diagnosed_no_more() -> None:
    case = a_case()
    case.given(INCIDENT, opened(), Resolved(how="manual", summary="by hand"))
    case.when(ANALYSIS, concluded("OOM"))
    case.then_nothing()


def test_a_verified_repair_mitigates_and_ends() -> None:
    case = a_case()
    case.given(INCIDENT, opened())
    given_a_repair(case, "UpdateResourceLimits")
    case.when(REMEDIATION, VERIFIED)
    case.then(
        Mitigated(remediation_id=REMEDIATION, summary=VERIFIED.summary),
        Resolved(how="repaired", summary=VERIFIED.summary),
    )


def test_a_lost_node_that_was_emptied_is_mitigated_and_still_lost() -> None:
    case = a_case()
    case.given(INCIDENT, lost_node())
    given_a_repair(case, "DrainNode")
    case.when(REMEDIATION, VERIFIED)
    case.then(Mitigated)


def test_to_have_told_somebody_is_no_repair() -> None:
    case = a_case()
    case.given(INCIDENT, opened())
    given_a_repair(case, "Notify")
    case.when(REMEDIATION, VERIFIED)
    case.then_nothing()


def test_a_repair_that_this_version_does_not_know_has_helped_all_the_same() -> None:
    case = a_case()
    case.given(INCIDENT, opened())
    given_a_repair(case, "ScaleOut")
    case.when(REMEDIATION, VERIFIED)
    case.then(Mitigated, Resolved)


def test_a_repair_of_what_has_ended_changes_nothing() -> None:
    case = a_case()
    case.given(INCIDENT, opened(), Resolved(how="recovered", summary="well"))
    given_a_repair(case, "UpdateResourceLimits")
    case.when(REMEDIATION, VERIFIED)
    case.then_nothing()
