"""What stands before every repair, by construction: an entry that passes it by fails."""

from __future__ import annotations

import pytest

from aetherius.domain import command, freeze, remediation
from aetherius.domain.brake import Limits
from aetherius.domain.cluster import Repairs
from aetherius.domain.protection import PROTECTED_NAMESPACES
from aetherius.domain.repair.action import Circumstances
from aetherius.domain.repair.actions import shipped_actions
from aetherius.domain.wire.command import CommandType
from aetherius.readers.testing import like
from remediation_case import ENDED, YES, RemediationCase
from repair_cases import CASES
from story_events import ADA, FIX, INCIDENT, LOOK, REMEDIATION, WORKFLOW, begun, opened, proposed, started

REPAIRS = {entry.name: entry for entry in shipped_actions().choices.values() if entry.on_cluster}
POLICY = remediation.Approved(by="system:policy")
WITHDRAWN = like(remediation.Rejected, by="system:remediation")


@pytest.fixture(params=sorted(REPAIRS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def proposed_in(name: str, repairs: Repairs = Repairs.ON, limits: Limits | None = None) -> RemediationCase:
    """The repair waits for its yes."""
    case = RemediationCase(repairs, limits)
    case.given(INCIDENT, opened())
    case.given(WORKFLOW, started(LOOK, FIX), *begun(FIX, REMEDIATION))
    case.given(REMEDIATION, proposed(name, parameters={**CASES[name].parameters, "mode": "execute"}))
    return case


def test_it_is_ordered_where_nothing_speaks_against_it(name: str) -> None:
    case = proposed_in(name)
    case.when(REMEDIATION, YES)
    case.then(like(command.Issued, type=CommandType.REMEDIATION, action=name))


@pytest.mark.parametrize("yes", [YES, POLICY], ids=["person", "policy"])
@pytest.mark.parametrize("scope", [freeze.Scope(), freeze.Scope(cluster_id="north"), freeze.Scope(namespace="shop")])
def test_a_freeze_stops_it(name: str, scope: freeze.Scope, yes: remediation.Approved) -> None:
    case = proposed_in(name)
    case.given(freeze.freeze_stream(scope), freeze.Set(scope=scope, reason="release", by=ADA))
    case.when(REMEDIATION, yes)
    case.then(WITHDRAWN)


def test_a_freeze_calls_it_back(name: str) -> None:
    case = proposed_in(name)
    case.when(REMEDIATION, YES)
    scope = freeze.Scope()
    case.when(freeze.freeze_stream(scope), freeze.Set(scope=scope, reason="stop", by=ADA))
    case.then(like(command.Cancelled), like(remediation.Failed))


def test_it_is_only_tried_in_a_cluster_that_is_not_to_be_changed(name: str) -> None:
    case = proposed_in(name, Repairs.DRY_RUN)
    case.when(REMEDIATION, YES)
    case.then(like(command.Issued, type=CommandType.DIAGNOSTIC, action=name, step_id="simulate"))


def test_the_brake_counts_it(name: str) -> None:
    case = proposed_in(name, limits=Limits(cluster_at_once=0))
    case.when(REMEDIATION, YES)
    case.then_nothing()
    case = proposed_in(name, limits=Limits(cluster_an_hour=0))
    case.when(REMEDIATION, POLICY)
    case.then(WITHDRAWN)


@pytest.mark.parametrize("namespace", PROTECTED_NAMESPACES)
def test_a_protected_namespace_asks_a_person(name: str, namespace: str) -> None:
    assert REPAIRS[name].risk(Circumstances(cause="unknown", protected=namespace)).approval_required


def test_an_incident_that_has_ended_takes_it_back(name: str) -> None:
    case = proposed_in(name)
    case.given(INCIDENT, ENDED)
    case.when(REMEDIATION, YES)
    case.then(WITHDRAWN)
