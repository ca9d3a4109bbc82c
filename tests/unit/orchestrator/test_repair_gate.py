"""What stands between a yes and a changed cluster: freezes, suppressed incidents, clusters that are not to be changed, and the brake."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from aetherius.domain import command, freeze, remediation
from aetherius.domain.brake import Limits
from aetherius.domain.cluster import Configured, Repairs, RepairsSet
from aetherius.domain.event import Cause, Event
from aetherius.domain.identity import cluster_stream, stable_id
from aetherius.domain.incident import Suppressed
from aetherius.domain.repair.answers import RepairAnswer
from aetherius.domain.wire.command import CommandType
from aetherius.readers.testing import like
from remediation_case import DONE, DRAINED, ENDED, ILL, RAISED, WELL, YES, RemediationCase, phase, succeeded
from story_events import ADA, FIX, INCIDENT, LOOK, RAISE, REMEDIATION, WORKFLOW, begun, opened, proposed, started

POLICY = remediation.Approved(by="system:policy")
OTHERS = [
    (incident, stable_id("Workflow", incident, 0), UUID(int=0xD0 + n))
    for n, incident in enumerate(UUID(int=0xB0 + n) for n in range(4))
]
"""More incidents, each with its workflow and its remediation."""


def a_case(repairs: Repairs = Repairs.ON, limits: Limits | None = None) -> RemediationCase:
    case = RemediationCase(repairs, limits)
    case.given(INCIDENT, opened())
    case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
    return case


def freeze_of(until: datetime | None = None, **scope: Any) -> tuple[UUID, freeze.Set]:
    covered = freeze.Scope(**scope)
    return freeze.freeze_stream(covered), freeze.Set(scope=covered, reason="release", by=ADA, until=until)


def another(case: RemediationCase, number: int, **changes: Any) -> UUID:
    """One more incident whose repair is proposed."""
    incident, workflow, repair = OTHERS[number]
    case.given(incident, opened())
    case.given(workflow, started(LOOK, FIX, incident_id=incident), *begun(FIX, repair))
    story = Cause(actor="system:workflow", correlation_id=repair)
    case.given(repair, proposed(incident_id=incident, workflow_id=workflow, **changes), cause=story)
    return repair


def execution(remediation_id: UUID) -> UUID:
    return stable_id("Command", remediation_id, "execute")


WITHDRAWN = like(remediation.Rejected, by="system:remediation")
ORDERED = like(command.Issued, type=CommandType.REMEDIATION)


class TestFreeze:
    @pytest.mark.parametrize(
        "scope",
        [
            {},
            {"cluster_id": "north"},
            {"namespace": "shop"},
            {"environment": "prod"},
            {"cluster_id": "north", "namespace": "shop", "environment": "prod"},
        ],
    )
    @pytest.mark.parametrize("yes", [YES, POLICY])
    def test_nothing_is_begun_where_it_is_frozen(self, scope: dict[str, Any], yes: remediation.Approved) -> None:
        case = a_case()
        case.given(cluster_stream("north"), Configured(cluster_id="north", labels={"environment": "prod"}))
        case.given(*freeze_of(**scope))
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, yes)
        case.then(WITHDRAWN)
        assert "frozen by" in case.decided[0].event.reason  # type: ignore[attr-defined]

    @pytest.mark.parametrize("scope", [{"cluster_id": "south"}, {"namespace": "bank"}, {"environment": "prod"}])
    def test_a_freeze_of_something_else_does_not_matter(self, scope: dict[str, Any]) -> None:
        case = a_case()
        case.given(*freeze_of(**scope))
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, YES)
        case.then(ORDERED)

    def test_one_that_is_over_does_not_matter(self) -> None:
        case = a_case()
        case.given(*freeze_of(until=case.now + timedelta(hours=1)))
        case.pass_time(3600)
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, YES)
        case.then(ORDERED)

    def test_what_is_under_way_is_called_back(self) -> None:
        case = a_case()
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, YES)
        case.when(*freeze_of(cluster_id="north"))
        case.then(
            command.Cancelled(error="cluster north is frozen: release"),
            like(remediation.Failed),
        )

    def test_a_verification_goes_on(self) -> None:
        case = a_case()
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, YES)
        case.when(phase("execute"), succeeded(RAISED))
        case.when(*freeze_of())
        case.then_nothing()
        case.when(phase("verify"), succeeded(WELL))
        case.then(like(remediation.Verified))

    def test_what_did_not_help_is_not_taken_back_in_a_freeze(self) -> None:
        case = a_case()
        case.given(REMEDIATION, proposed(), YES, DONE)
        case.given_ordered("verify")
        case.given(*freeze_of())
        case.when(phase("verify"), succeeded(ILL))
        case.then(like(remediation.VerificationFailed), like(remediation.Failed))

    def test_a_cordon_that_a_freeze_keeps_is_taken_off_afterwards(self) -> None:
        case = a_case()
        drain = proposed("DrainNode", kind="Node", name="n1", namespace="")
        case.given(REMEDIATION, drain)
        case.when(REMEDIATION, YES)
        case.when(phase("execute"), succeeded(DRAINED))
        case.when(phase("verify"), succeeded(WELL))
        stream, set = freeze_of()
        case.when(stream, set)
        case.when(INCIDENT, ENDED)
        case.then_nothing()
        case.when(stream, freeze.Lifted(by=ADA))
        case.then(like(command.Issued, action="DrainNode", parameters={"node": "n1", "mode": "restore"}))

    def test_also_long_after_the_drain(self) -> None:
        case = a_case()
        case.given(REMEDIATION, proposed("DrainNode", kind="Node", name="n1", namespace=""))
        case.when(REMEDIATION, YES)
        case.when(phase("execute"), succeeded(DRAINED))
        case.when(phase("verify"), succeeded(WELL))
        case.pass_time(5 * 3600)
        for number in range(2):
            repair = another(case, number)
            case.when(repair, YES)
            case.when(execution(repair), command.Failed(error="no"))
        stream, set = freeze_of()
        case.when(stream, set)
        case.when(INCIDENT, ENDED)
        case.when(stream, freeze.Lifted(by=ADA))
        case.then(like(command.Issued, step_id="restore"))

    def test_a_clean_up_that_was_sent_is_not_called_back(self) -> None:
        """It would not be sent a second time, and our cordon would stay for ever."""
        case = a_case()
        case.given(REMEDIATION, proposed("DrainNode", kind="Node", name="n1", namespace=""))
        case.when(REMEDIATION, YES)
        case.when(phase("execute"), succeeded(DRAINED))
        case.when(phase("verify"), succeeded(WELL))
        case.when(INCIDENT, ENDED)
        case.then(like(command.Issued, step_id="restore"))
        case.when(*freeze_of())
        case.then_nothing()


def test_a_suppressed_incident_is_left_alone() -> None:
    case = a_case()
    case.given(INCIDENT, Suppressed(reason="known, see the change calendar"))
    case.given(REMEDIATION, proposed())
    case.when(REMEDIATION, YES)
    case.then(WITHDRAWN)


class TestDryRun:
    def test_it_is_tried_only(self) -> None:
        case = a_case(Repairs.DRY_RUN)
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, YES)
        simulate = {**RAISE, "mode": "simulate"}
        case.then(like(command.Issued, type=CommandType.DIAGNOSTIC, step_id="simulate", parameters=simulate))

    def test_what_would_have_been_done_is_said(self) -> None:
        case = a_case(Repairs.DRY_RUN)
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, YES)
        case.when(phase("simulate"), succeeded(RepairAnswer(action="x", changed=False, summary="64Mi -> 128Mi")))
        case.then(WITHDRAWN)
        assert "it would have been done: 64Mi -> 128Mi" in case.decided[0].event.reason  # type: ignore[attr-defined]

    def test_what_could_not_have_been_done_is_said_too(self) -> None:
        case = a_case(Repairs.DRY_RUN)
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, YES)
        case.when(phase("simulate"), command.Failed(error="a budget refuses"))
        case.then(WITHDRAWN)
        assert "it could not have been done: Failed: a budget refuses" in case.decided[0].event.reason  # type: ignore[attr-defined]

    @pytest.mark.parametrize("answer", [command.Lost(reason="expired"), command.TimedOut(error="slow")])
    def test_an_answer_that_never_came_says_nothing_of_what_could_be_done(self, answer: Event) -> None:
        case = a_case(Repairs.DRY_RUN)
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, YES)
        case.when(phase("simulate"), answer)
        case.then(WITHDRAWN)
        assert "whether it could be done is not known" in case.decided[0].event.reason  # type: ignore[attr-defined]

    def test_a_cluster_that_nobody_knows_is_not_changed(self) -> None:
        case = a_case()
        case.given(REMEDIATION, proposed(cluster_id="elsewhere"))
        case.when(REMEDIATION, YES)
        case.then(like(command.Issued, step_id="simulate"))

    def test_somebody_may_allow_repairs_later(self) -> None:
        case = a_case(Repairs.DRY_RUN)
        case.given(cluster_stream("north"), RepairsSet(repairs=Repairs.ON, by=ADA))
        case.given(REMEDIATION, proposed())
        case.when(REMEDIATION, YES)
        case.then(ORDERED)


class TestBrake:
    def test_what_is_too_much_at_once_waits_for_its_turn(self) -> None:
        case = a_case(limits=Limits(namespace_at_once=1))
        first, second = another(case, 0), another(case, 1)
        case.when(first, POLICY)
        case.then(ORDERED)
        case.when(second, POLICY)
        case.then_nothing()
        case.when(execution(first), command.Failed(error="no"))
        case.then(like(remediation.Failed), ORDERED)
        assert case.decided[-1].stream_id == execution(second)

    def test_approvals_of_one_batch_are_counted_too(self) -> None:
        case = a_case(limits=Limits(namespace_at_once=1))
        first, second = another(case, 0), another(case, 1)
        case.heard(first, POLICY)
        case.when(second, POLICY)
        case.then(ORDERED)

    def test_who_waited_while_the_incident_ended_is_taken_back(self) -> None:
        case = a_case(limits=Limits(namespace_at_once=1))
        first, second = another(case, 0), another(case, 1)
        case.when(first, POLICY)
        case.when(second, POLICY)
        case.given(OTHERS[1][0], ENDED)
        case.when(execution(first), command.Failed(error="no"))
        case.then(like(remediation.Failed), WITHDRAWN)

    def test_more_than_is_allowed_in_an_hour_is_not_done(self) -> None:
        case = a_case(limits=Limits(namespace_an_hour=1))
        first, second, third = another(case, 0), another(case, 1), another(case, 2)
        case.when(first, POLICY)
        case.when(execution(first), command.Failed(error="no"))
        case.when(second, POLICY)
        case.then(WITHDRAWN)
        case.pass_time(3601)
        case.when(third, POLICY)
        case.then(ORDERED)

    def test_a_person_may_go_on(self) -> None:
        case = a_case(limits=Limits(namespace_an_hour=1))
        first, second = another(case, 0), another(case, 1)
        case.when(first, POLICY)
        case.when(execution(first), command.Failed(error="no"))
        case.when(second, YES)
        case.then(ORDERED)

    def test_a_freeze_takes_back_who_waits(self) -> None:
        case = a_case(limits=Limits(namespace_at_once=1))
        first, second = another(case, 0), another(case, 1)
        case.when(first, POLICY)
        case.when(second, POLICY)
        case.when(*freeze_of())
        case.then(like(command.Cancelled), WITHDRAWN, like(remediation.Failed))

    def test_a_drain_is_never_beside_another(self) -> None:
        case = a_case()
        drains = [another(case, n, action="DrainNode", kind="Node", name=f"n{n}", namespace="") for n in range(2)]
        case.when(drains[0], YES)
        case.when(drains[1], YES)
        case.then_nothing()

    def test_whose_turn_comes_goes_on_in_its_own_story(self) -> None:
        case = a_case(limits=Limits(namespace_at_once=1))
        first, second = another(case, 0), another(case, 1)
        stories = {
            first: Cause(actor="user:a", correlation_id=first),
            second: Cause(actor="user:a", correlation_id=second),
        }
        for repair, cause in stories.items():
            case.when(repair, POLICY, cause=cause)
        case.when(execution(first), command.Failed(error="no"), cause=stories[first])
        assert [each.cause.correlation_id for each in case.decided] == [first, second]
