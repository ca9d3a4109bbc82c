"""Questions over real HTTP, on the real read models."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from aetherius.domain.event import Cause
from aetherius.domain.incident import Incident
from aetherius.event_store.log import Log
from graphql_client import GraphQLClient
from log_history import History
from replay_oracle import lists_over_time

pytestmark = pytest.mark.anyio

STORY = """
query Story($id: ID!, $asOf: AsOf) { node(id: $id, asOf: $asOf) { ... on Incident {
  status severity symptom eventCount openedAt diagnosedAt mitigatedAt resolvedAt strategy
  diagnosis { rootCause confidence summary evidence { source finding weight } }
  events { reason severity rawData }
  workflow { name status steps { id type status output command { output } } commands { tool status output } }
  remediations { action status parameters risk { level reasons approvalRequired }
    approval { approved by comment } verification { verified summary } incident { status } }
} } }
"""


async def at_head(client: GraphQLClient, log: Log, name: str, fields: str, arguments: str = "") -> list[Any]:
    """Nodes of a list once the read model has come to the log's head."""
    query = (
        f"query($p: Position!) {{ {name}(asOf: {{position: $p}} {arguments}) {{ edges {{ node {{ {fields} }} }} }} }}"
    )
    data = await client.ask(query, p=log.head())
    return [edge["node"] for edge in data[name]["edges"]]


async def test_an_incident_tells_its_whole_story(client: GraphQLClient, history: History, log: Log) -> None:
    history.repaired_incident()
    for told_of in ("events", "workflows", "commands", "remediations"):  # each model arrives by itself
        await at_head(client, log, told_of, "id")
    (incident,) = await at_head(client, log, "incidents", "id")
    story = (await client.ask(STORY, id=incident["id"]))["node"]
    assert (story["status"], story["symptom"], story["eventCount"]) == ("RESOLVED", "CRASH_LOOP", 3)
    assert story["openedAt"] < story["diagnosedAt"] < story["mitigatedAt"] < story["resolvedAt"]
    assert story["diagnosis"]["rootCause"] == "OOM"
    assert story["diagnosis"]["evidence"] == [{"source": "collect_logs", "finding": "exit code 137", "weight": 0.9}]
    assert story["events"][0]["rawData"]["exit_code"] == 137
    assert [step["id"] for step in story["workflow"]["steps"]] == ["collect_logs", "analyze", "decide", "remediate"]
    assert story["workflow"]["commands"] == [{"tool": "kubectl", "status": "SUCCEEDED", "output": "OOMKilled"}]
    (remediation,) = story["remediations"]
    assert remediation["parameters"] == {"memory": "128Mi"}
    assert remediation["risk"]["level"] == "HIGH"
    assert remediation["approval"] == {"approved": True, "by": "user:ada", "comment": "go"}
    assert remediation["verification"] == {"verified": True, "summary": "no OOM kill for 5s"}
    assert remediation["incident"] == {"status": "RESOLVED"}


async def test_what_many_have_in_common_names_its_members(client: GraphQLClient, history: History, log: Log) -> None:
    parent = history.open_incident(symptom="shared_cause", kind="Registry", name="ghcr.io", namespace="")
    for number in range(3):
        member = log.load(Incident, history.open_incident(symptom="image_pull", name=f"w{number}"))
        member.link(parent, "Registry ghcr.io fails for several", history.tick())
        log.save(member, Cause(actor="system:test"))
    found = await at_head(client, log, "incidents", "name symptom partOf members { name }")
    by_name = {each["name"]: each for each in found}
    assert by_name["w0"]["partOf"] == str(parent)
    assert by_name["ghcr.io"]["symptom"] == "SHARED_CAUSE"
    assert [each["name"] for each in by_name["ghcr.io"]["members"]] == ["w2", "w1", "w0"]
    only = await at_head(client, log, "incidents", "name", f'filter: {{partOf: "{parent}"}}')
    assert sorted(each["name"] for each in only) == ["w0", "w1", "w2"]


async def test_a_story_as_of_before_the_repair_has_no_repair(client: GraphQLClient, history: History, log: Log) -> None:
    id = history.open_incident()
    before = log.head()
    workflow = history.start_workflow(id)
    history.diagnose(id)
    history.propose(id, workflow)
    (incident,) = await at_head(client, log, "incidents", "id")
    now, then = [
        (await client.ask(STORY, id=incident["id"], asOf=as_of))["node"]
        for as_of in ({"position": log.head()}, {"position": before})
    ]
    assert (now["status"], len(now["remediations"])) == ("DIAGNOSED", 1)
    assert (then["status"], then["remediations"], then["workflow"], then["diagnosis"]) == ("OPEN", [], None, None)
    assert (await client.ask(STORY, id=incident["id"], asOf={"position": 0}))["node"] is None


async def test_every_list_as_of_a_recorded_time_is_that_of_its_position(
    client: GraphQLClient, history: History, log: Log
) -> None:
    history.rng.seed(9)
    history.go_on(40)
    lists = dict(lists_over_time(log.read(0, 1000)))
    query = """query($at: DateTime!, $event: EventsAsOf!) {
      agents(asOf: {recordedAt: $at}) { position edges { node { streamId status } } }
      clusters(asOf: {recordedAt: $at}) { position edges { node { streamId labels } } }
      events(asOf: $event) { position edges { node { streamId message } } }
      incidents(asOf: {recordedAt: $at}) { position edges { node { streamId status eventCount } } }
      commands(asOf: {recordedAt: $at}) { position edges { node { streamId status } } }
      workflows(asOf: {recordedAt: $at}) { position edges { node { streamId status } } }
      remediations(asOf: {recordedAt: $at}) { position edges { node { streamId status } } }
      freezes(asOf: {recordedAt: $at}) { position edges { node { streamId lifted } } } }"""
    for position in range(1, log.head() + 1, 5):
        at = log.recorded_at(position)
        position = log.position_at(at)
        data = await client.ask(query, at=at.isoformat(), event={"recordedAt": at.isoformat()})
        for name, expected in lists[position].items():
            nodes = [edge["node"] for edge in data[name]["edges"]]
            assert [node["streamId"] for node in nodes] == [str(each["id"]) for each in expected], (name, position)
            assert data[name]["position"] == position
            for node, each in zip(nodes, expected, strict=True):
                assert node.get("status") in (None, each.get("status", "").upper() or None)


async def test_reports_as_of_when_they_happened(client: GraphQLClient, history: History, log: Log) -> None:
    history.report()
    (first,) = await at_head(client, log, "events", "occurredAt")
    history.report()
    query = "query($asOf: EventsAsOf!) { events(asOf: $asOf) { edges { node { occurredAt } } } }"
    as_of = {"occurredAt": first["occurredAt"], "position": log.head()}
    assert len((await client.ask(query, asOf=as_of))["events"]["edges"]) == 1


async def test_pages_follow_one_another_as_of_one_moment(client: GraphQLClient, history: History, log: Log) -> None:
    made = [str(history.open_incident()) for _ in range(5)]
    moment, after, seen = log.head(), None, []
    query = """query($after: String, $p: Position!) { incidents(first: 2, after: $after, asOf: {position: $p}) {
      totalCount edges { node { streamId } } pageInfo { hasNextPage endCursor } } }"""
    while True:
        page = (await client.ask(query, after=after, p=moment))["incidents"]
        history.open_incident()
        seen += [edge["node"]["streamId"] for edge in page["edges"]]
        assert page["totalCount"] == 5
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == made[::-1]
    wrong = "query($c: String) { commands(after: $c) { edges { cursor } } }"
    assert (await client.error(wrong, c=after))["code"] == "INVALID_CURSOR"


async def test_filters_narrow_lists(client: GraphQLClient, history: History, log: Log) -> None:
    history.open_incident("oslo")
    done = history.repaired_incident()
    wanted = (
        'filter: {clusterId: "berlin", status: [RESOLVED], rootCause: [OOM], severity: [HIGH], symptom: [CRASH_LOOP]}'
    )
    assert [each["streamId"] for each in await at_head(client, log, "incidents", "streamId", wanted)] == [str(done)]
    wanted = f'filter: {{incidentId: "{done}", openedAtSince: "2026-11-23T00:00:00Z"}}'
    assert "openedAtSince" in (await client.error(f"{{ remediations({wanted}) {{ totalCount }} }}"))["message"]
    (remediation,) = await at_head(client, log, "remediations", "status", f'filter: {{incidentId: "{done}"}}')
    assert remediation == {"status": "VERIFIED"}


async def test_history_shows_each_event_with_what_it_changed(client: GraphQLClient, history: History, log: Log) -> None:
    id = history.repaired_incident()
    query = """query($id: UUID!) { history(streamId: $id, fromVersion: 2) {
      entry { position version type actor occurredAt recordedAt event correlationId }
      before after diff { path before after } } }"""
    steps = (await client.ask(query, id=str(id)))["history"]
    assert [step["entry"]["type"] for step in steps] == [
        "Incident.EventsCorrelated",
        "Incident.Diagnosed",
        "Incident.Mitigated",
        "Incident.Resolved",
    ]
    assert [step["entry"]["version"] for step in steps] == [2, 3, 4, 5]
    assert steps[0]["after"] == steps[1]["before"]
    assert {"path": "status", "before": "open", "after": "diagnosed"} in steps[1]["diff"]
    assert datetime.fromisoformat(steps[0]["entry"]["recordedAt"]).tzinfo
    assert (await client.error(query, id=str(id).replace(str(id)[:8], "0" * 8)))["code"] == "UNKNOWN_THING"


async def test_the_state_at_a_version_a_time_or_a_position(client: GraphQLClient, history: History, log: Log) -> None:
    id = history.open_incident()
    opened = log.head()
    at = log.recorded_at(opened)
    history.diagnose(id)
    query = """query($id: UUID!, $v: Long, $t: DateTime, $p: Position) {
      stateAt(streamId: $id, version: $v, time: $t, position: $p) { kind version position state } }"""
    now = (await client.ask(query, id=str(id)))["stateAt"]
    assert (now["kind"], now["version"], now["state"]["status"]) == ("Incident", 2, "diagnosed")
    for moment in ({"v": 1}, {"t": at.isoformat()}, {"p": opened}):
        then = (await client.ask(query, id=str(id), **moment))["stateAt"]
        assert (then["version"], then["position"], then["state"]["status"]) == (1, opened, "open")
    assert (await client.ask(query, id=str(id), t="2020-01-01T00:00:00Z"))["stateAt"] is None
    assert (await client.error(query, id=str(id), v=9))["code"] == "UNKNOWN_THING"
    assert (await client.error(query, id=str(id), v=1, p=1))["field"] == "version"


async def test_malformed_questions_name_the_field(client: GraphQLClient, log: Log) -> None:
    for question, field in (
        ("{ incidents(first: 501) { totalCount } }", "first"),
        ("{ incidents(asOf: {}) { totalCount } }", "asOf"),
        ("{ incidents(asOf: {position: 99}) { totalCount } }", "asOf.position"),
        ('{ incidents(asOf: {recordedAt: "2026-11-23T12:00:00"}) { totalCount } }', "asOf.recordedAt"),
        ('{ node(id: "nonsense") { id } }', "id"),
        ('{ incidents(filter: {name: "%s"}) { totalCount } }' % ("x" * 501), "filter.name"),
    ):
        error = await client.error(question)
        assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", field), question


async def test_greedy_questions_are_refused_before_anything_is_read(client: GraphQLClient) -> None:
    greedy = "{ incidents(first: 500) { edges { node { remediations { commands { output tool action } } } } } }"
    assert (await client.error(greedy))["code"] == "TOO_EXPENSIVE"
    variable = "query($n: Int!) { incidents(first: $n) { edges { node { remediations { commands { output } } } } } }"
    assert (await client.error(variable, n=500))["code"] == "TOO_EXPENSIVE"
    assert "incidents" in await client.ask(variable, n=5)
    deep = "{ incidents { edges { node " + "{ workflow { incident " * 8 + "{ id }" + " } }" * 8 + " } } }"
    assert "depth" in (await client.error(deep))["message"]
    assert (await client.post("{ head }" + " " * 30_000)).status_code == 413


async def test_the_same_question_many_times_at_once(client: GraphQLClient, history: History, log: Log) -> None:
    for _ in range(3):
        history.repaired_incident()
    query = "query($p: Position!) { incidents(asOf: {position: $p}) { edges { node { remediations { status } } } } }"
    answers = await asyncio.gather(*(client.ask(query, p=log.head()) for _ in range(30)))
    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0]["incidents"]["edges"]) == 3


async def test_health_needs_no_token(client: GraphQLClient) -> None:
    base = client.url.removesuffix("/graphql")
    assert (await client.http.get(f"{base}/healthz")).json() == {"status": "ok"}
    assert (await client.http.get(f"{base}/readyz")).status_code == 200


async def test_without_a_token_nothing_is_told(client: GraphQLClient) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {client.token}"}):
        response = await client.http.post(client.url, json={"query": "{ head }"}, headers=headers)
        assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
