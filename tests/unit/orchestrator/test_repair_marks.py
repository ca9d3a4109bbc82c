"""The marks that a repair leaves on a cluster: taken off once all is over, and once only."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest

from aetherius.domain import command, remediation
from aetherius.domain.event import Event
from aetherius.readers.testing import like
from remediation_case import DONE, DRAINED, ENDED, WELL, YES, RemediationCase, phase, succeeded
from story_events import (
    ADA,
    FIX,
    INCIDENT,
    LOOK,
    REMEDIATION,
    WORKFLOW,
    begun,
    lost_node,
    opened,
    proposed,
    started,
)


@pytest.fixture
def case() -> RemediationCase:
    """A workflow has come to its repair."""
    case = RemediationCase()
    case.given(INCIDENT, opened())
    case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
    return case


class TestMarks:
    """A drain leaves a cordon on its node, which is taken off once the node is back."""

    RESTORE = like(command.Issued, action="DrainNode", parameters={"node": "n1", "mode": "restore"}, step_id="restore")

    @pytest.fixture
    def case(self) -> RemediationCase:
        case = RemediationCase()
        case.given(INCIDENT, lost_node())
        case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
        case.given(REMEDIATION, proposed("DrainNode"), YES)
        return case

    def given_drained(self, case: RemediationCase, *since: Event) -> None:
        case.given_ordered("execute", "DrainNode")
        case.given(REMEDIATION, remediation.Executed(command_id=None, summary="moved"), *since)

    def test_a_drain_is_verified_by_what_ran_there(self, case: RemediationCase) -> None:
        case.given_ordered("execute", "DrainNode")
        case.when(phase("execute"), succeeded(DRAINED))
        case.then(like(command.Issued, action="VerifyEvacuation", step_id="verify"), remediation.Executed)

    def test_a_drain_that_finds_no_room_fails(self, case: RemediationCase) -> None:
        case.given_ordered("execute", "DrainNode")
        case.when(phase("execute"), succeeded(msgspec.structs.replace(DRAINED, feasible=False)))
        case.then(remediation.Failed)

    def test_a_node_that_is_back_loses_its_cordon(self, case: RemediationCase) -> None:
        self.given_drained(case, remediation.Verified(command_id=None, summary="moved"))
        case.when(INCIDENT, ENDED)
        case.then(self.RESTORE)

    def test_so_does_one_that_a_newer_version_drained_with_more_parameters(self) -> None:
        case = RemediationCase()
        case.given(INCIDENT, lost_node())
        case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
        more = {"node": "n1", "mode": "execute", "gently": True}
        case.given(REMEDIATION, proposed("DrainNode", parameters=more), YES)
        self.given_drained(case, remediation.Verified(command_id=None, summary="moved"))
        case.when(INCIDENT, ENDED)
        case.then(self.RESTORE)

    def test_parameters_that_make_no_sense_stop_nobody_else(self) -> None:
        case = RemediationCase()
        case.given(INCIDENT, lost_node())
        case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
        case.given(REMEDIATION, proposed("DrainNode", parameters={"nodes": ["n1"]}), YES)
        self.given_drained(case, remediation.Verified(command_id=None, summary="moved"))
        case.when(INCIDENT, ENDED)
        case.then_nothing()

    def test_it_loses_it_once(self, case: RemediationCase) -> None:
        self.given_drained(case, remediation.Verified(command_id=None, summary="moved"))
        case.given_ordered("restore", "DrainNode")
        case.when(INCIDENT, ENDED)
        case.then_nothing()

    def test_while_the_drain_is_under_way_the_cordon_stays(self, case: RemediationCase) -> None:
        self.given_drained(case)
        case.when(INCIDENT, ENDED)
        case.then_nothing()

    def test_the_end_of_the_drain_then_takes_it_off(self, case: RemediationCase) -> None:
        self.given_drained(case)
        case.given(INCIDENT, ENDED)
        case.given_ordered("verify", "VerifyEvacuation")
        case.when(phase("verify"), succeeded(WELL))
        case.then(self.RESTORE, remediation.Verified)

    def test_what_was_taken_back_left_no_cordon(self, case: RemediationCase) -> None:
        no_help = remediation.VerificationFailed(command_id=None, reason="no")
        self.given_drained(case, no_help, remediation.RolledBack(command_id=None, summary="back"))
        case.when(INCIDENT, ENDED)
        case.then_nothing()

    def test_a_drain_that_never_began_left_no_cordon(self, case: RemediationCase) -> None:
        case.given(REMEDIATION, remediation.Rejected(by=ADA, reason="no"))
        case.when(INCIDENT, ENDED)
        case.then_nothing()

    def test_the_answer_to_taking_it_off_is_the_last_word(self, case: RemediationCase) -> None:
        self.given_drained(case, remediation.Verified(command_id=None, summary="moved"))
        case.given(INCIDENT, ENDED)
        case.given_ordered("restore", "DrainNode")
        case.when(phase("restore"), succeeded(msgspec.structs.replace(DRAINED, mode="restore")))
        case.then_nothing()


@pytest.mark.parametrize("action", ["UpdateResourceLimits", "Notify", "ScaleOut"])
def test_a_repair_without_marks_leaves_nothing_to_take_off(case: RemediationCase, action: str) -> None:
    case.given(REMEDIATION, proposed(action), YES, DONE, remediation.Verified(command_id=None, summary="well"))
    case.given_ordered("execute", action)
    case.when(INCIDENT, ENDED)
    case.then_nothing()


class TestNothingToTakeOff:
    def test_an_incident_without_a_workflow_has_nothing_to_take_off(self) -> None:
        case = RemediationCase()
        case.given(INCIDENT, opened())
        case.when(INCIDENT, ENDED)
        case.then_nothing()

    def test_a_workflow_that_proposed_nothing_has_nothing_to_take_off(self) -> None:
        case = RemediationCase()
        case.given(INCIDENT, opened())
        case.given(WORKFLOW, started(LOOK, FIX), *begun(LOOK, UUID(int=5)))
        case.when(INCIDENT, ENDED)
        case.then_nothing()
