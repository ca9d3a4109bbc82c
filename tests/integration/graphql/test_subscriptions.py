"""Following the log over WebSocket and server-sent events: from any position, losing nothing, doubling nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed

from aetherius.domain.event import all_topics
from aetherius.event_store.log import Log
from aetherius.event_store.reading.timeline import restored
from aetherius.event_store.subscription import LogSignal
from aetherius.graphql.errors import TooManySubscriptionsError
from aetherius.graphql.feed import Feed
from graphql_client import GraphQLClient, receive, send, take
from log_history import History
from newer_version import TELEPORTED, append_in_another_form, append_of_unknown_topic

pytestmark = pytest.mark.anyio

Open = Callable[..., AbstractAsyncContextManager[AsyncIterator[Any]]]
LOG = "subscription($after: Position) { log(after: $after) { position } }"
INCIDENTS = """subscription($after: Position, $filter: IncidentFilter) { incidents(after: $after, filter: $filter) {
  position type occurredAt change incident { streamId status eventCount strategy version remediations { status } } } }"""


@pytest.fixture(params=["websocket", "sse"])
def open_(request: pytest.FixtureRequest, client: GraphQLClient) -> Open:
    """Opens a subscription, over either transport."""
    return client.follow if request.param == "websocket" else client.listen


async def test_a_follower_that_comes_back_loses_and_doubles_nothing(open_: Open, history: History, log: Log) -> None:
    seen: list[int] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.to_thread(lambda: [history.report() for _ in range(120)]))
        while len(seen) < 120:
            async with open_(LOG, after=seen[-1] if seen else 0) as payloads:
                for payload in await take(payloads, 40):
                    seen.append(payload["position"])
    assert seen == list(range(1, 121))


async def test_without_a_position_only_what_comes_is_told(open_: Open, client: GraphQLClient, history: History) -> None:
    history.report()
    query = "subscription { events { position event { reason message severity } } }"
    async with open_(query) as payloads:
        first = asyncio.create_task(take(payloads, 1))
        while not first.done():  # until the server has taken the subscription
            position = await asyncio.to_thread(lambda: (history.report(reason="BackOff"), history.log.head())[1])
            await asyncio.wait({first}, timeout=0.2)
        (payload,) = await first
    assert 2 <= payload["position"] <= position
    assert payload["event"]["reason"] == "BackOff"


async def test_reports_can_be_chosen(open_: Open, history: History) -> None:
    history.report("oslo")
    history.report("berlin", namespace="ops")
    history.report("berlin", namespace="shop")
    query = """subscription { events(after: 0, filter: {clusterId: "berlin", namespace: "shop", severity: [HIGH]}) {
      position event { clusterId namespace } } }"""
    async with open_(query) as payloads:
        assert await take(payloads, 1) == [{"position": 3, "event": {"clusterId": "berlin", "namespace": "shop"}}]


async def test_reports_can_be_followed_page_by_page(open_: Open, history: History) -> None:
    for number in range(30):
        history.report("berlin" if number % 3 else "oslo")
    query = """subscription($after: Position) { eventPages(after: $after, filter: {clusterId: "oslo"}) {
      position events { changedAtPosition clusterId } } }"""
    async with open_(query, after=3) as payloads:
        (page,) = await take(payloads, 1)
    assert [event["changedAtPosition"] for event in page["events"]] == list(range(4, 31, 3))
    assert page["position"] == 28


async def test_changes_of_incidents_carry_the_incident_as_each_left_it(
    open_: Open, client: GraphQLClient, history: History, log: Log
) -> None:
    history.open_incident("oslo")
    start = log.head()
    id = str(history.repaired_incident())
    async with open_(INCIDENTS, after=start, filter={"clusterId": "berlin"}) as payloads:
        changes = await take(payloads, 6)
    assert [change["type"].partition(".")[2] for change in changes] == [
        "Opened",
        "EventsCorrelated",
        "Selected",
        "Diagnosed",
        "Mitigated",
        "Resolved",
    ]
    assert [change["incident"]["status"] for change in changes][2:] == ["OPEN", "DIAGNOSED", "MITIGATED", "RESOLVED"]
    assert changes[-1]["incident"]["remediations"] == [{"status": "VERIFIED"}]
    fields = "streamId status eventCount strategy version remediations { status }"
    query = f"query($p: Position) {{ incidents(asOf: {{position: $p}}) {{ edges {{ node {{ {fields} }} }} }} }}"
    for change in changes:
        data = await client.ask(query, p=change["position"])
        assert change["incident"] == data["incidents"]["edges"][0]["node"]
        assert change["incident"]["streamId"] == id


async def test_a_follower_that_begins_in_the_middle_sees_the_whole_incident(
    client: GraphQLClient, history: History, log: Log
) -> None:
    history.repaired_incident()
    async with client.follow(INCIDENTS, after=log.head() - 1) as payloads:
        (change,) = await take(payloads, 1)
    assert change["type"] == "Incident.Resolved"
    assert (change["incident"]["eventCount"], change["incident"]["strategy"]) == (3, "crash_loop")


async def test_the_log_can_be_followed_by_types_and_kinds(open_: Open, history: History) -> None:
    history.repaired_incident()
    query = 'subscription { log(after: 0, types: ["Incident.Opened", "Remediation"]) { type actor event } }'
    async with open_(query) as payloads:
        types = [payload["type"] for payload in await take(payloads, 7)]
    assert types[0] == "Incident.Opened"
    assert types[1:4] == ["Remediation.Proposed", "Remediation.RiskAssessed", "Remediation.ApprovalRequested"]


async def test_a_wrong_subscription_is_refused_with_its_field(client: GraphQLClient, log: Log) -> None:
    async with client.socket() as socket:
        await send(socket, type="connection_init", payload={"authorization": f"Bearer {client.token}"})
        await receive(socket)
        for query, field in (
            ("subscription { log(after: -1) { position } }", "after"),
            ('subscription { log(types: ["Nothing.Ever"]) { position } }', "types"),
            ('subscription { log(since: "2026-11-23T12:00:00") { position } }', "since"),
            ('subscription { events(after: 0, since: "2026-11-23T12:00:00Z") { position } }', "since"),
            ('subscription { workflow(id: "no id") { position } }', "id"),
        ):
            await send(socket, type="subscribe", id=field, payload={"query": query})
            errors = (await receive(socket))["payload"]["errors"]
            assert (await receive(socket)) == {"id": field, "type": "complete"}
            assert errors[0]["extensions"] == {"code": "INVALID_ARGUMENT", **_said(errors[0], field)}


def _said(error: dict[str, Any], field: str) -> dict[str, Any]:
    return {"field": field, "rule": error["message"].removeprefix(f"{field}: ")}


async def test_a_socket_without_a_token_is_closed(client: GraphQLClient) -> None:
    for payload in ({}, {"authorization": "Bearer wrong"}, {"authorization": 7}):
        async with client.socket() as socket:
            await send(socket, type="connection_init", payload=payload)
            with pytest.raises(ConnectionClosed):
                await receive(socket)
            assert socket.close_code == 4403
    async with client.socket() as socket:
        await send(socket, type="subscribe", id="1", payload={"query": LOG})
        with pytest.raises(ConnectionClosed):
            await receive(socket)
        assert socket.close_code == 4401


async def test_a_slow_follower_is_left_behind_and_still_gets_everything(dsn: str, log: Log, history: History) -> None:
    async with LogSignal(dsn) as signal:
        feed = Feed(log, signal)
        running = asyncio.create_task(feed.run())
        slow, quick = feed.follow(0), feed.follow(0)
        await asyncio.to_thread(history.report)
        assert (await anext(slow)).position == (await anext(quick)).position == 1
        reports = 60
        for turn in range(reports):  # a page each: far more than a follower's queue holds
            await asyncio.to_thread(history.report)
            assert (await anext(quick)).position == turn + 2
        assert [(await anext(slow)).position for _ in range(reports)] == list(range(2, reports + 2))
        await asyncio.to_thread(history.report)
        assert (await anext(slow)).position == (await anext(quick)).position == reports + 2
        await slow.aclose()
        await quick.aclose()
        running.cancel()


async def test_there_are_only_so_many_followers(dsn: str, log: Log, history: History) -> None:
    async with LogSignal(dsn) as signal:
        feed = Feed(log, signal, max_followers=1)
        history.report()
        one, two = feed.follow(0), feed.follow(0)
        await anext(one)
        with pytest.raises(TooManySubscriptionsError):
            await anext(two)
        await one.aclose()
        three = feed.follow(0)
        assert (await anext(three)).position == 1
        await three.aclose()


async def test_followers_that_leave_make_room_for_others(open_: Open, history: History) -> None:
    history.report()
    for _ in range(8):  # more than may follow at a time
        async with open_(LOG, after=0) as payloads:
            assert await take(payloads, 1) == [{"position": 1}]


async def test_a_position_of_a_time_that_the_log_was_restored_to_before_is_refused(
    client: GraphQLClient, history: History, dsn: str
) -> None:
    """Here the log keeps its events: what a restore takes away is tested with real backups."""
    for _ in range(3):
        history.report()
    before = (await client.ask("{ timeline }"))["timeline"]
    await asyncio.to_thread(restored, dsn)
    for _ in range(3):
        history.report()
    after = (await client.ask("{ timeline }"))["timeline"]
    query = "subscription($after: Position, $on: UUID) { log(after: $after, timeline: $on) { position } }"
    async with client.follow(query, after=5, on=after) as payloads:
        assert await take(payloads, 1) == [{"position": 6}]
    async with client.follow(query, after=2, on=before) as payloads:  # up to 3 both are the same
        assert await take(payloads, 4) == [{"position": each} for each in (3, 4, 5, 6)]
    async with client.socket() as socket:
        await send(socket, type="connection_init", payload={"authorization": f"Bearer {client.token}"})
        await receive(socket)
        variables = {"after": 5, "on": before}
        await send(socket, id="1", type="subscribe", payload={"query": query, "variables": variables})
        (error,) = (await receive(socket))["payload"]["errors"]
    assert error["extensions"] == {"code": "ANOTHER_TIMELINE", "shared": 3, "current": after}


async def test_workflows_commands_and_remediations_are_followed_from_any_position(
    open_: Open, client: GraphQLClient, history: History, log: Log
) -> None:
    history.open_incident("oslo")
    history.issue("oslo")
    history.repaired_incident()
    workflow = str(history.workflows[-1])
    fields = "position live type"
    asked = {
        f'workflow(id: "{workflow}", after: $after)': "workflow { streamId name status }",
        'commands(filter: {clusterId: "berlin"}, after: $after)': "command { streamId status }",
        'remediations(filter: {clusterId: "berlin"}, after: $after)': "remediation { streamId status }",
    }
    for field, node in asked.items():
        query = f"subscription($after: Position) {{ {field} {{ {fields} {node} }} }}"
        kind = node.partition(" ")[0].capitalize()
        topics = [each for each in all_topics() if each.startswith(f"{kind}.")]
        expected = [each for each in log.read(0, 1000, topics) if log.clusters_of([each]) == ["berlin"]]
        async with open_(query, after=0) as payloads:
            changes = await take(payloads, len(expected))
        assert [change["position"] for change in changes] == [each.position for each in expected]
        assert [change["type"] for change in changes] == [each.event.type_name for each in expected]
        if len(changes) > 1:
            async with open_(query, after=changes[0]["position"]) as payloads:
                assert await take(payloads, len(expected) - 1) == changes[1:]


async def test_a_subscription_begins_at_a_recorded_time(open_: Open, history: History, log: Log) -> None:
    history.report()
    between = log.recorded_at(log.head())
    history.report()
    query = "subscription($since: DateTime) { log(since: $since) { position } }"
    async with open_(query, since=between.isoformat()) as payloads:
        assert await take(payloads, 1) == [{"position": 2}]


async def test_a_position_that_the_log_does_not_have_yet_is_refused(client: GraphQLClient, history: History) -> None:
    history.report()
    answer = await client.http.post(
        client.url,
        json={"query": "subscription { log(after: 5) { position } }"},
        headers={**client.headers, "accept": "text/event-stream"},
    )
    line = next(line for line in answer.text.splitlines() if line.startswith("data: {"))
    (error,) = json.loads(line.removeprefix("data: "))["errors"]
    assert error["extensions"] == {
        "code": "POSITION_AHEAD",
        "field": "after",
        "rule": "the log ends at 1",
        "head": 1,
    }


async def test_a_workflow_that_there_is_not_is_told(client: GraphQLClient) -> None:
    async with client.socket() as socket:
        await send(socket, type="connection_init", payload={"authorization": f"Bearer {client.token}"})
        await receive(socket)
        query = f'subscription {{ workflow(id: "{uuid4()}") {{ position }} }}'
        await send(socket, type="subscribe", id="1", payload={"query": query})
        (error,) = (await receive(socket))["payload"]["errors"]
    assert error["extensions"]["code"] == "STREAM_NOT_FOUND"


async def test_the_subscriptions_of_a_connection_share_a_budget(client: GraphQLClient, history: History) -> None:
    history.report()
    fields = " ".join(f"n{number}: {{}}".format("reason") for number in range(85))
    dear = f"subscription {{ eventPages(after: 0) {{ events {{ {fields} }} }} }}"
    async with client.socket() as socket:
        await send(socket, type="connection_init", payload={"authorization": f"Bearer {client.token}"})
        await receive(socket)
        for id in ("1", "2", "3", "4"):
            await send(socket, type="subscribe", id=id, payload={"query": dear})
            assert (await receive(socket))["type"] == "next"
        await send(socket, type="subscribe", id="5", payload={"query": dear})
        refused = await receive(socket)
        assert refused["type"] == "error"
        assert refused["payload"][0]["extensions"]["code"] == "CONNECTION_FULL"
        await send(socket, type="complete", id="1")
        while True:  # until the server has noticed
            await send(socket, type="subscribe", id="6", payload={"query": dear})
            if (await receive(socket))["type"] == "next":
                break


async def test_an_event_of_a_newer_version_is_shown_and_disturbs_no_other_follower(
    open_: Open, client: GraphQLClient, history: History, log: Log
) -> None:
    entries = "subscription($after: Position) { log(after: $after) { position type event } }"
    async with open_(entries, after=0) as all_, open_(INCIDENTS, after=0) as incidents:
        incident = await asyncio.to_thread(history.open_incident)
        before = await take(all_, (await asyncio.to_thread(log.head)))
        opened = await take(incidents, 1)
        await asyncio.to_thread(append_of_unknown_topic, log)
        await asyncio.to_thread(append_in_another_form, log)
        await asyncio.to_thread(history.open_incident)
        (unknown, other_form) = await take(all_, 2)
        again = await take(incidents, 1)
    assert (unknown["position"], unknown["type"]) == (before[-1]["position"] + 1, "Incident.Teleported")
    assert unknown["event"]["topic"] == TELEPORTED
    assert unknown["event"]["state"] == '{"cluster_id":"oslo","to":"orbit"}'
    assert other_form["type"] == "Agent.GapDetected"
    assert opened[0]["incident"]["streamId"] == str(incident)
    assert again[0]["incident"]["streamId"] != str(incident)
