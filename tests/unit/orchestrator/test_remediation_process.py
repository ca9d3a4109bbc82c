"""From a yes to the proof that it helped, and every way out on the road."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from aetherius.domain import command, remediation
from aetherius.domain.event import Event
from aetherius.domain.repair.update_resource_limits import ENTRY as UPDATE_LIMITS
from aetherius.domain.wire.command import CommandType
from aetherius.domain.workflow import events
from aetherius.readers.testing import like
from remediation_case import (
    AGAIN,
    DONE,
    ENDED,
    ILL,
    LOOK_AT_WEB,
    RAISED,
    UNDO,
    WELL,
    YES,
    RemediationCase,
    phase,
    succeeded,
)
from story_events import (
    ADA,
    FIX,
    INCIDENT,
    LOOK,
    RAISE,
    REMEDIATION,
    WORKFLOW,
    begun,
    opened,
    ordered,
    proposed,
    started,
)

NO_UNDO = UPDATE_LIMITS.no_undo


@pytest.fixture
def case() -> RemediationCase:
    """A workflow has come to its repair."""
    case = RemediationCase()
    case.given(INCIDENT, opened())
    case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
    return case


def done_by_another_version(parameters: dict[str, Any]) -> RemediationCase:
    """A repair that another version proposed and ordered is answered to this one."""
    case = RemediationCase()
    case.given(INCIDENT, opened())
    case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
    case.given(REMEDIATION, proposed(parameters=parameters), YES)
    case.given_ordered("execute", parameters=parameters)
    case.when(phase("execute"), succeeded(RAISED))
    return case


class TestApproved:
    def test_a_yes_is_carried_out_at_once(self, case: RemediationCase) -> None:
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, YES)
        case.then(
            like(
                command.Issued,
                type=CommandType.REMEDIATION,
                tool="repair",
                action="UpdateResourceLimits",
                parameters={**RAISE, "approved_by_person": True},
                namespace="shop",
                timeout="30s",
                expires_at=case.now + timedelta(seconds=60),
                remediation_id=REMEDIATION,
                step_id="execute",
            )
        )
        assert case.decided[0].stream_id == phase("execute")

    def test_a_yes_that_is_read_twice_is_carried_out_once(self, case: RemediationCase) -> None:
        case.given(REMEDIATION, proposed())
        case.given_ordered("execute")
        case.when(REMEDIATION, YES)
        case.then_nothing()

    def test_to_tell_the_owner_needs_no_agent(self, case: RemediationCase) -> None:
        case.given(REMEDIATION, proposed("Notify", reason="a config map is missing"))
        case.when(REMEDIATION, YES)
        case.then(
            remediation.Executed(command_id=None, summary="told the owner: a config map is missing"),
            remediation.Verified(command_id=None, summary="nothing was changed"),
        )

    @pytest.mark.parametrize("since", [[ENDED], [ENDED, AGAIN]], ids=["ended", "reopened"])
    def test_a_yes_after_the_end_of_what_it_was_for_is_withdrawn(
        self, case: RemediationCase, since: list[Event]
    ) -> None:
        case.given(INCIDENT, *since)
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, YES)
        case.then(like(remediation.Rejected, reason="the incident ended before the repair began"))

    def test_a_yes_to_a_cancelled_workflow_is_withdrawn(self, case: RemediationCase) -> None:
        case.given(WORKFLOW, events.Cancelled(by=ADA, reason="enough"))
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, YES)
        case.then(like(remediation.Rejected, reason="its workflow was cancelled before the repair began"))

    def test_a_yes_that_is_overtaken_by_a_no_does_nothing(self, case: RemediationCase) -> None:
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, YES, remediation.Rejected(by=ADA, reason="no"))
        case.then_nothing()

    def test_a_repair_that_this_version_does_not_know_fails(self, case: RemediationCase) -> None:
        case.given(REMEDIATION, proposed("ScaleOut"))
        case.when(REMEDIATION, YES)
        case.then(
            like(remediation.Failed, reason="this version does not know the repair ScaleOut: nothing was changed")
        )

    def test_parameters_that_do_not_fit_fail_it(self, case: RemediationCase) -> None:
        case.given(REMEDIATION, proposed(parameters={"kind": "Deployment"}))
        (failed,) = case.when(REMEDIATION, YES)
        assert isinstance(failed, remediation.Failed)
        assert failed.reason.startswith("cannot execute: ")


class TestExecuted:
    @pytest.fixture(autouse=True)
    def _ordered(self, case: RemediationCase) -> None:
        case.given(REMEDIATION, proposed(), YES)
        case.given_ordered("execute")

    def test_what_was_done_is_verified(self, case: RemediationCase) -> None:
        case.when(phase("execute"), succeeded(RAISED))
        case.then(
            like(
                command.Issued,
                type=CommandType.DIAGNOSTIC,
                action="VerifyWorkload",
                step_id="verify",
                timeout="75s",
            ),
            remediation.Executed(
                command_id=phase("execute"),
                summary="64Mi -> 128Mi",
            ),
        )

    def test_what_a_newer_version_ordered_with_more_parameters_is_verified_by_those_that_are_known(self) -> None:
        case = done_by_another_version({**RAISE, "gently": True})
        case.then(like(command.Issued, step_id="verify"), remediation.Executed)

    def test_what_was_done_with_parameters_that_make_no_sense_fails_alone(self) -> None:
        case = done_by_another_version({"memory": "128Mi"})
        case.then(remediation.Executed, like(remediation.Failed))
        (reason,) = [each.event.reason for each in case.decided if isinstance(each.event, remediation.Failed)]
        assert "nobody can say whether it helped" in reason

    def test_what_was_done_and_cannot_be_read_is_verified_too(self, case: RemediationCase) -> None:
        case.when(phase("execute"), succeeded("[cut off"))
        case.then(like(command.Issued, step_id="verify"), like(remediation.Executed, undo_action=""))

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (command.Failed(exit_code=1, error="conflict"), "the repair failed: Failed (exit code 1): conflict"),
            (command.Refused(rejected_by="edge", error="no"), "the repair failed: Refused: edge: no"),
            (command.TimedOut(error="slow"), "the repair was stopped before its end (TimedOut: slow): look at"),
            (command.Cancelled(error="stop"), "the repair was stopped before its end (Cancelled: stop): look at"),
            (command.Lost(reason="expired"), "the agent did not answer: whether the repair was done is unknown"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_what_was_not_done_or_not_surely_fails_and_says_so(
        self, case: RemediationCase, answer: Event, reason: str
    ) -> None:
        (failed,) = case.when(phase("execute"), answer)
        assert isinstance(failed, remediation.Failed)
        assert failed.reason.startswith(reason)

    def test_an_answer_that_comes_after_the_end_changes_nothing(self, case: RemediationCase) -> None:
        case.given(REMEDIATION, remediation.Failed(reason="lost"))
        case.when(phase("execute"), succeeded(RAISED))
        case.then_nothing()


def test_an_answer_for_a_repair_that_this_version_does_not_know_fails_it(case: RemediationCase) -> None:
    case.given(REMEDIATION, proposed("ScaleOut"), YES)
    case.given_ordered("execute", "ScaleOut")
    case.when(phase("execute"), succeeded(RAISED))
    case.then(like(remediation.Failed, reason="this version does not know the repair ScaleOut: look at what is done"))


class TestVerified:
    @pytest.fixture(autouse=True)
    def _verifying(self, case: RemediationCase) -> None:
        case.given(REMEDIATION, proposed(), YES, DONE)
        case.given_ordered("execute")
        case.given_ordered("verify", "VerifyWorkload", parameters=LOOK_AT_WEB)

    def test_what_helped_is_verified(self, case: RemediationCase) -> None:
        case.when(phase("verify"), succeeded(WELL))
        case.then(remediation.Verified(command_id=phase("verify"), summary=WELL.summary))

    def test_what_did_not_help_is_taken_back(self, case: RemediationCase) -> None:
        case.when(phase("verify"), succeeded(ILL))
        case.then(
            like(command.Issued, type=CommandType.REMEDIATION, parameters=UNDO, step_id="roll_back"),
            remediation.VerificationFailed(command_id=phase("verify"), reason="killed again"),
        )

    def test_what_nobody_saw_is_looked_at_once_more(self, case: RemediationCase) -> None:
        case.when(phase("verify"), command.Lost(reason="expired"))
        case.then(like(command.Issued, action="VerifyWorkload", step_id="verify_again"))

    @pytest.mark.parametrize(
        "answer", [command.Failed(error="no"), succeeded("not json")], ids=["failed", "unreadable"]
    )
    def test_what_nobody_could_see_is_not_taken_back(self, case: RemediationCase, answer: Event) -> None:
        (failed,) = case.when(phase("verify"), answer)
        assert isinstance(failed, remediation.Failed)
        assert failed.reason.startswith("it was done, but nobody could see whether it helped")

    def test_a_second_look_that_is_lost_is_the_last(self, case: RemediationCase) -> None:
        case.given_ordered("verify_again", "VerifyWorkload")
        case.when(phase("verify_again"), command.Lost(reason="expired"))
        case.then(remediation.Failed)

    def test_a_second_look_counts_as_the_first(self, case: RemediationCase) -> None:
        case.given_ordered("verify_again", "VerifyWorkload")
        case.when(phase("verify_again"), succeeded(WELL))
        case.then(remediation.Verified)

    @pytest.mark.parametrize("answer", [succeeded(ILL), command.Failed(error="no")], ids=["ill", "failed"])
    def test_an_answer_after_the_end_changes_nothing(self, case: RemediationCase, answer: Event) -> None:
        case.given(REMEDIATION, remediation.Verified(command_id=None, summary="well"))
        case.when(phase("verify"), answer)
        case.then_nothing()


class TestTakenBack:
    def given_no_help(self, case: RemediationCase, done: remediation.Executed) -> None:
        case.given(REMEDIATION, proposed(), YES, done)
        case.given_ordered("execute")
        case.given_ordered("verify", "VerifyWorkload")

    def test_what_has_no_undo_fails(self, case: RemediationCase) -> None:
        self.given_no_help(case, remediation.Executed(command_id=None, summary="done"))
        case.when(phase("verify"), succeeded(ILL))
        case.then(
            remediation.VerificationFailed,
            like(
                remediation.Failed, reason=f"it did not help and is not taken back by itself ({NO_UNDO}): killed again"
            ),
        )

    def test_an_undo_that_does_not_fit_fails_and_stops_nobody_else(self, case: RemediationCase) -> None:
        self.given_no_help(case, msgspec.structs.replace(DONE, undo_parameters={"kind": "Pod"}))
        _, failed = case.when(phase("verify"), succeeded(ILL))
        assert isinstance(failed, remediation.Failed)
        assert failed.reason.startswith("cannot roll back: ")

    def given_roll_back(self, case: RemediationCase, *more: Event) -> None:
        no_help = remediation.VerificationFailed(command_id=None, reason="killed again")
        case.given(REMEDIATION, proposed(), YES, DONE, no_help, *more)
        case.given_ordered("roll_back", parameters=UNDO)

    def test_what_was_taken_back_says_how(self, case: RemediationCase) -> None:
        self.given_roll_back(case)
        case.when(phase("roll_back"), succeeded(msgspec.structs.replace(RAISED, summary="64Mi again")))
        case.then(remediation.RolledBack(command_id=phase("roll_back"), summary="64Mi again"))

    def test_what_was_taken_back_in_words_that_cannot_be_read_was_taken_back(self, case: RemediationCase) -> None:
        self.given_roll_back(case)
        case.when(phase("roll_back"), succeeded("?"))
        case.then(
            like(
                remediation.RolledBack,
                summary="it was taken back, says the agent; what else it answered cannot be read",
            )
        )

    def test_what_could_not_be_taken_back_fails(self, case: RemediationCase) -> None:
        self.given_roll_back(case)
        case.when(phase("roll_back"), command.Failed(error="conflict"))
        case.then(like(remediation.Failed, reason="it did not help, and taking it back failed: Failed: conflict"))


def test_what_an_unknown_repair_took_back_is_taken_back(case: RemediationCase) -> None:
    no_help = remediation.VerificationFailed(command_id=None, reason="no")
    case.given(REMEDIATION, proposed("ScaleOut"), YES, DONE, no_help)
    case.given_ordered("roll_back", "ScaleOut")
    case.when(phase("roll_back"), succeeded(RAISED))
    case.then(remediation.RolledBack)


class TestOthers:
    @pytest.mark.parametrize("order", [ordered(), None], ids=["a-workflows", "nobodys"])
    def test_answers_of_other_commands_are_not_for_it(
        self, case: RemediationCase, order: command.Issued | None
    ) -> None:
        if order:
            case.given(UUID(int=9), order)
        case.when(UUID(int=9), succeeded("text"))
        case.then_nothing()
