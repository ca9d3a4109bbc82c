"""Decisions over GraphQL: checked by the aggregates, stored in the name of the user."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from strawberry.relay import to_base64

from aetherius.domain.command import Command
from aetherius.domain.event import Cause
from aetherius.domain.plan import DryRun, Plan, TrackRecord
from aetherius.domain.remediation import Remediation, RemediationStatus
from aetherius.domain.risk import Risk, RiskLevel
from aetherius.domain.workflow.state import WorkflowStatus
from aetherius.domain.workflow.workflow import Workflow
from aetherius.event_store.log import Log
from graphql_client import OPERATOR, GraphQLClient
from log_history import History

pytestmark = pytest.mark.anyio


@pytest.fixture
def operator(client: GraphQLClient) -> GraphQLClient:
    return client.as_(OPERATOR)


APPROVE = """mutation($id: ID!) { approveRemediation(id: $id, comment: "go") { position streamId
  node { id ... on Remediation { status approval { by comment } } } } }"""


APPROVE_PLAN = "mutation($id: ID!, $digest: String!) { approveRemediation(id: $id, planDigest: $digest) { position } }"
SEEN = Plan(
    number=1,
    dry_run=DryRun.PASSED,
    told="cordon n1",
    diff=["node n1: unschedulable: false -> true"],
    undo="uncordon",
    here=TrackRecord(done=2, helped=1),
)
PLAN = """query($id: ID!, $at: Position!) { node(id: $id, asOf: {position: $at}) { ... on Remediation { plan {
  digest dryRun told diff affected warnings undo seen expiresAt plannedAt here { done helped } } } } }"""


async def test_an_approval_is_stored_and_shown_at_once(operator: GraphQLClient, history: History, log: Log) -> None:
    incident = history.open_incident()
    id = history.propose(incident, history.start_workflow(incident), "DrainNode")
    decided = (await operator.ask(APPROVE, id=str(id)))["approveRemediation"]
    assert decided["position"] == log.head()
    assert decided["node"]["status"] == "APPROVED"
    assert decided["node"]["approval"] == {"by": "user:otto", "comment": "go"}
    last = log.stream(id)[-1]
    assert (last.cause.actor, last.cause.causation_id) == ("user:otto", log.stream(id)[-2].id)
    again = await operator.error(APPROVE, id=decided["node"]["id"])
    assert (again["code"], again["state"], again["command"]) == ("WRONG_STATE", "approved", "approve")


def asked_about(like: Remediation, log: Log) -> uuid.UUID:
    """A repair with a plan, proposed as another one was."""
    remediation, now = Remediation(uuid.uuid4()), datetime.now(UTC)
    assert like.proposal
    risk = Risk(level=RiskLevel.HIGH, reasons=["moves pods"])
    remediation.propose(like.proposal, risk, now, plan_follows=True)
    remediation.plan(SEEN, now)
    log.save(remediation, Cause(actor="system:test"))
    return remediation.id


async def test_a_yes_is_to_the_plan_that_was_looked_at(operator: GraphQLClient, history: History, log: Log) -> None:
    incident = history.open_incident()
    id = asked_about(log.load(Remediation, history.propose(incident, history.start_workflow(incident))), log)
    shown = (await operator.ask(PLAN, id=to_base64("Remediation", id), at=log.head()))["node"]["plan"]
    assert shown["diff"] == ["node n1: unschedulable: false -> true"]
    assert (shown["dryRun"], shown["here"], shown["undo"]) == ("PASSED", {"done": 2, "helped": 1}, "uncordon")
    for digest in ("", "0" * 64):
        refused = await operator.error(APPROVE_PLAN, id=str(id), digest=digest)
        assert (refused["code"], refused["digest"]) == ("PLAN_CHANGED", shown["digest"])
    await operator.ask(APPROVE_PLAN, id=str(id), digest=shown["digest"])
    assert log.load(Remediation, id).status is RemediationStatus.APPROVED


async def test_a_rejection_wants_a_reason(operator: GraphQLClient, history: History, log: Log) -> None:
    incident = history.open_incident()
    id = history.propose(incident, history.start_workflow(incident), "DrainNode")
    reject = "mutation($id: ID!, $r: String!) { rejectRemediation(id: $id, reason: $r) { position } }"
    assert (await operator.error(reject, id=str(id), r=" "))["field"] == "reason"
    await operator.ask(reject, id=str(id), r="not now")
    assert log.load(Remediation, id).status is RemediationStatus.REJECTED


async def test_an_incident_is_acknowledged_once_it_is_there(
    operator: GraphQLClient, history: History, log: Log
) -> None:
    id = history.open_incident()
    acknowledge = """mutation($id: ID!) { acknowledgeIncident(id: $id) {
      node { ... on Incident { acknowledgedBy acknowledgedAt } } } }"""
    node = (await operator.ask(acknowledge, id=str(id)))["acknowledgeIncident"]["node"]
    assert node["acknowledgedBy"] == "user:otto"
    assert (await operator.error(acknowledge, id=str(uuid.uuid4())))["code"] == "STREAM_NOT_FOUND"
    workflow = history.start_workflow(id)
    assert (await operator.error(acknowledge, id=str(workflow)))["code"] == "STREAM_NOT_FOUND"


async def test_a_workflow_is_paused_resumed_and_cancelled(operator: GraphQLClient, history: History, log: Log) -> None:
    id = history.start_workflow(history.open_incident())
    for mutation, status in (
        ("pauseWorkflow(id: $id)", WorkflowStatus.PAUSED),
        ("resumeWorkflow(id: $id)", WorkflowStatus.RUNNING),
        ('cancelWorkflow(id: $id, reason: "enough")', WorkflowStatus.CANCELLED),
    ):
        await operator.ask(f"mutation($id: ID!) {{ {mutation} {{ position }} }}", id=str(id))
        assert log.load(Workflow, id).state.status is status
    error = await operator.error("mutation($id: ID!) { pauseWorkflow(id: $id) { position } }", id=str(id))
    assert error["code"] == "WRONG_STATE"


ISSUE = """mutation($order: CommandOrder!) { issueCommand(order: $order) {
  streamId node { ... on Command { status type issuedBy args } } } }"""


def an_order(**changes: Any) -> dict[str, Any]:
    return {"clusterId": "berlin", "tool": "kubectl", "action": "get", "args": ["pods"], "namespace": "shop"} | changes


async def test_a_command_is_issued_once_under_its_id(operator: GraphQLClient, history: History, log: Log) -> None:
    history.register()
    id = str(uuid.uuid4())
    issued = (await operator.ask(ISSUE, order=an_order(id=id)))["issueCommand"]
    assert issued["streamId"] == id
    assert issued["node"] == {"status": "ISSUED", "type": "DIAGNOSTIC", "issuedBy": "user:otto", "args": ["pods"]}
    assert (await operator.error(ISSUE, order=an_order(id=id)))["code"] == "WRONG_STATE"
    assert log.load(Command, uuid.UUID(id)).version == 1


async def test_a_malformed_command_is_refused_by_its_field(operator: GraphQLClient, history: History, log: Log) -> None:
    history.register()
    other = str(history.open_incident())
    before = log.head()
    for changes, field in (
        ({"timeout": "soon"}, "order.timeout"),
        ({"timeout": "1h"}, "order.timeout"),
        ({"tool": ""}, "order.tool"),
        ({"args": ["x"] * 51}, "order.args"),
        ({"namespace": "a\0b"}, "order.namespace"),
        ({"id": other}, "order.id"),
    ):
        assert (await operator.error(ISSUE, order=an_order(**changes)))["field"] == field
    assert (await operator.error(ISSUE, order=an_order(clusterId="nowhere")))["code"] == "STREAM_NOT_FOUND"
    assert log.head() == before


async def test_readers_decide_nothing(client: GraphQLClient, history: History, log: Log) -> None:
    id = history.start_workflow(history.open_incident())
    before = log.head()
    for mutation in (
        "approveRemediation(id: $id)",
        'rejectRemediation(id: $id, reason: "x")',
        "acknowledgeIncident(id: $id)",
        "pauseWorkflow(id: $id)",
        "resumeWorkflow(id: $id)",
        'cancelWorkflow(id: $id, reason: "x")',
    ):
        error = await client.error(f"mutation($id: ID!) {{ {mutation} {{ position }} }}", id=str(id))
        assert (error["code"], error["role"]) == ("FORBIDDEN", "operator")
    assert (await client.error(ISSUE, order=an_order()))["code"] == "FORBIDDEN"
    assert log.head() == before


SET_FREEZE = """mutation($scope: FreezeScope!, $until: DateTime) {
  setFreeze(scope: $scope, reason: "release", until: $until) {
    node { ... on Freeze { clusterId namespace holds lifted setBy reason until } } } }"""
LIFT_FREEZE = "mutation($scope: FreezeScope!) { liftFreeze(scope: $scope) { node { ... on Freeze { holds lifted } } } }"


async def test_a_freeze_is_set_and_lifted(operator: GraphQLClient) -> None:
    scope = {"clusterId": "north"}
    node = (await operator.ask(SET_FREEZE, scope=scope))["setFreeze"]["node"]
    assert (node["clusterId"], node["holds"], node["setBy"]) == ("north", True, "user:otto")
    found = await operator.ask(
        '{ freezes(filter: { clusterId: "north", lifted: false }) { edges { node { reason } } } }'
    )
    assert [edge["node"]["reason"] for edge in found["freezes"]["edges"]] == ["release"]
    node = (await operator.ask(LIFT_FREEZE, scope=scope))["liftFreeze"]["node"]
    assert node == {"holds": False, "lifted": True}
    assert (await operator.error(LIFT_FREEZE, scope=scope))["code"] == "WRONG_STATE"


@pytest.mark.parametrize("until", ["2020-01-01T00:00:00Z", "2030-01-01T00:00:00"])
async def test_an_end_of_a_freeze_that_is_none_is_refused(operator: GraphQLClient, until: str) -> None:
    assert (await operator.error(SET_FREEZE, scope={}, until=until))["code"] in ("WRONG_STATE", "INVALID_ARGUMENT")


async def test_a_reader_freezes_nothing(client: GraphQLClient) -> None:
    assert (await client.error(SET_FREEZE, scope={}))["code"] == "FORBIDDEN"


async def test_whether_a_cluster_may_be_changed_is_said(operator: GraphQLClient, history: History) -> None:
    history.register("berlin")
    mutation = """mutation($id: String!, $to: Repairs!) { setRepairs(clusterId: $id, repairs: $to) {
      node { ... on Cluster { repairs } } } }"""
    for to in ("ON", "DRY_RUN", "ON"):
        node = (await operator.ask(mutation, id="berlin", to=to))["setRepairs"]["node"]
        assert node["repairs"] == to
    assert (await operator.error(mutation, id="elsewhere", to="ON"))["code"] == "STREAM_NOT_FOUND"
