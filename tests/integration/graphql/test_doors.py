"""Whatever comes in at any door is answered: what breaks a rule is refused by field and rule, in the shape of the specification, and never as an error of ours."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from graphql.utilities import get_introspection_query

from aetherius.event_store.log import Log
from graphql_client import OPERATOR, GraphQLClient, receive, send
from log_history import History

pytestmark = pytest.mark.anyio

TEXT = "query($t: String) { incidents(filter: {name: $t}) { totalCount } }"
IDS = "query($t: ID!) { node(id: $t) { id } }"
CURSOR = "query($t: String) { incidents(after: $t) { totalCount } }"
LONG = "query($t: Position) { incidents(asOf: {position: $t}) { totalCount } }"
TIME = "query($t: DateTime) { incidents(filter: {openedAtSince: $t}) { totalCount } }"
ORDER = 'mutation($t: String!) { issueCommand(order: {clusterId: $t, tool: "kubectl", action: "get"}) { position } }'
ACK = "mutation($t: ID!) { acknowledgeIncident(id: $t) { position } }"
TYPES = "query($t: [String!]) { __typename @skip(if: false) x: incidents(filter: {name: $t}) { totalCount } }"

HOSTILE = (
    r'"\ud800"', r'"\u0000"', r'"a\udfffb"', "1" * 400, "-" + "9" * 30, "1e400", "1e999999", "[" * 2000 + "]" * 2000, '{"a":' * 60 + "1" + "}" * 60,
    '"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-14:00"', '"0000-00-00T00:00:00Z"', '"' + "x" * 5000 + '"', "true", "[]", "{}", "null", '"٣٣"',
    '"²"', "[" + "1," * 11_000 + "1]", '"' + "9" * 4500 + '"', "NaN", "-0", '"\x7f"', '""', '"\ufeff"', r'"\ud83d\ude00"', "1.5", '"%00"', '"AAAA"',
)  # fmt: skip


def ours(answer: httpx2.Response) -> bool:
    """Whether an answer says that the fault is ours."""
    return answer.status_code >= 500 or "INTERNAL" in answer.text


async def raw(client: GraphQLClient, body: bytes, **headers: str) -> httpx2.Response:
    sent = {**client.headers, "content-type": "application/json", **headers}
    return await client.http.post(client.url, content=body, headers=sent)


def first(answer: httpx2.Response) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["errors"][0]
    assert "data" not in answer.json()
    return {"message": error["message"], **error["extensions"]}


async def test_nothing_that_comes_in_is_an_error_of_ours(client: GraphQLClient, history: History) -> None:
    history.open_incident()
    operator = client.as_(OPERATOR)
    rest = f"http://127.0.0.1:{client.port}/api/v1"
    for value in HOSTILE:
        for query in (TEXT, IDS, CURSOR, LONG, TIME, ORDER, ACK, TYPES):
            body = f'{{"query": {json.dumps(query)}, "variables": {{"t": {value}}}}}'.encode()
            answer = await raw(operator, body)
            assert not ours(answer), (query, value[:50], answer.text[:300])
            if answer.status_code == 400:
                assert first(answer)["rule"], answer.text
                assert first(answer)["field"], answer.text
        for question in (
            f'{{"query": {value}}}',
            f'{{"query": "{{ head }}", "operationName": {value}}}',
            f'{{"query": "{{ head }}", "extensions": {{"persistedQuery": {value}}}}}',
            f'{{"extensions": {{"persistedQuery": {{"sha256Hash": {value}}}}}}}',
            value,
        ):
            answer = await raw(client, question.encode())
            assert not ours(answer), (question[:80], answer.text[:300])
        for asked in (
            f'{{"filter": {{"cluster_id": {value}}}}}',
            f'{{"text": {{"query": {value}}}}}',
            f'{{"cursor": {value}}}',
            f'{{"range": {{"occurred_at": {{"gte": {value}}}, "position": {{"lt": 3}}}}}}',
            f'{{"range": {{"position": {{"lt": {value}}}}}}}',
            f'{{"aggregations": {{"a": {{"type": "terms", "field": {value}}}}}}}',
            value,
        ):
            answer = await client.http.post(f"{rest}/events/search", content=asked.encode(), headers=client.headers)
            assert answer.status_code < 500 or answer.json()["code"] == "SEARCH_UNAVAILABLE", (asked[:80], answer.text)


async def test_no_query_of_a_route_is_an_error_of_ours(client: GraphQLClient, history: History) -> None:
    history.report()
    values = (
        "%00",
        "%ff",
        "%ed%a0%80",
        "9" * 35,
        "-1",
        "0001-01-01T00:00:00%2B14:00",
        "9999-12-31T23:59:59-14:00",
        "1e400",
        "%D9%A3",
    )
    for name in ("actor", "type", "stream", "correlation", "since", "until", "as_of", "cursor", "limit", "unknown"):
        for value in values:
            url = f"http://127.0.0.1:{client.port}/api/v1/audit?{name}={value}"
            answer = await client.http.get(url, headers=client.headers)
            assert answer.status_code in (200, 400), (name, value, answer.text)
            if answer.status_code == 400:
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["field"], (name, value, answer.text)
    for query in (
        "variables=%ff&extensions={}",
        "variables=[1]&extensions={}",
        "extensions={%22persistedQuery%22:1}",
        "x=%00",
    ):
        answer = await client.http.get(f"{client.url}?{query}", headers=client.headers)
        assert (answer.status_code, bool(first(answer)["rule"])) == (400, True), (query, answer.text)
    for token in ("\xff", "a" * 600, "Bearer", "%00"):
        headers = [(b"authorization", f"Bearer {token}".encode("latin-1"))]
        assert (
            await client.http.get(f"http://127.0.0.1:{client.port}/api/v1/audit", headers=headers)
        ).status_code == 401


async def test_no_document_is_an_error_of_ours(client: GraphQLClient) -> None:
    deep = "{ a " * 2000 + "}" * 2000
    for text, code in (
        (deep, "GRAPHQL_PARSE_FAILED"),
        ("{ agents(filter: {clusterId: " + "[" * 2000 + "]" * 2000 + "}) { totalCount } }", "GRAPHQL_PARSE_FAILED"),
        ("{" + " head" * 1500 + "}", "TOO_BROAD"),
        ("{ agents(first: %s) { totalCount } }" % ("9" * 400), "INVALID_ARGUMENT"),
        (r'{ agents(filter: {clusterId: "\u0000"}) { totalCount } }', "INVALID_ARGUMENT"),
        ("{ incidents(asOf: {position: %s}) { totalCount } }" % ("1" * 30), "INVALID_ARGUMENT"),
        ("{ head " * 6000, "GRAPHQL_PARSE_FAILED"),
    ):
        answer = await raw(client, json.dumps({"query": text}).encode()[:19_000])
        if answer.status_code == 200:
            assert first(answer)["code"] == code, (text[:60], answer.text[:300])
            assert first(answer)["field"]
        else:
            assert answer.status_code in (400, 413), answer.text[:300]


async def test_errors_have_the_shape_of_the_specification(client: GraphQLClient) -> None:
    two = "query A { head } query B { head }"
    for body, status, code, field in (
        ({"query": "{ agents { nope } }"}, 200, "GRAPHQL_VALIDATION_FAILED", "nope"),
        ({"query": "{ agents {"}, 200, "GRAPHQL_PARSE_FAILED", "query"),
        ({"query": two}, 200, "OPERATION_NOT_FOUND", "operationName"),
        ({"query": two, "operationName": "C"}, 200, "OPERATION_NOT_FOUND", "operationName"),
        ({"query": "query($n: Int!) { agents(first: $n) { totalCount } }"}, 200, "BAD_USER_INPUT", "n"),
        ({"query": "subscription { log { position } }"}, 200, "WRONG_TRANSPORT", "query"),
        ({}, 400, "BAD_REQUEST", "query"),
        ({"query": 5}, 400, "BAD_REQUEST", "query"),
        ({"query": "{ head }", "variables": [1]}, 400, "BAD_REQUEST", "variables"),
        ([{"query": "{ head }"}], 400, "BAD_REQUEST", "body"),
    ):
        for accept in ("application/json", "*/*", "multipart/mixed"):
            answer = await raw(client, json.dumps(body).encode(), accept=accept)
            assert answer.headers["content-type"] == "application/json"
            error = first(answer)
            assert (answer.status_code, error["code"], error["field"]) == (status, code, field), answer.text
        answer = await raw(
            client, json.dumps(body).encode(), accept="Application/GraphQL-Response+JSON; charset=utf-8, */*;q=0.1"
        )
        assert answer.headers["content-type"].startswith("application/graphql-response+json")
        assert (answer.status_code, first(answer)["code"]) == (400, code), answer.text
    answer = await raw(client, b'{"query": "{ head }"}', accept="application/graphql-response+json")
    assert (answer.status_code, answer.json()) == (200, {"data": {"head": 0}})
    assert (
        "graphql-transport-ws" in first(await raw(client, b'{"query": "subscription { log { position } }"}'))["message"]
    )
    assert (await raw(client, b"{}", authorization="Bearer nobody")).status_code == 401
    assert (await client.http.request("PATCH", client.url, headers=client.headers)).status_code == 405


async def test_of_two_operations_none_is_chosen_for_the_client(client: GraphQLClient, history: History) -> None:
    id = history.open_incident()
    text = f'mutation M {{ acknowledgeIncident(id: "{id}") {{ position }} }} query Q {{ head }}'
    operator = client.as_(OPERATOR)
    for name in (None, "", "N"):
        answer = await raw(operator, json.dumps({"query": text, "operationName": name}).encode())
        assert first(answer)["code"] == "OPERATION_NOT_FOUND"
    async with operator.socket() as socket:
        await send(socket, type="connection_init", payload={"authorization": f"Bearer {OPERATOR}"})
        await receive(socket)
        await send(socket, type="subscribe", id="1", payload={"query": text})
        refused = await receive(socket)
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "OPERATION_NOT_FOUND")
        await send(socket, type="subscribe", id="2", payload={"query": text, "operationName": "Q"})
        assert (await receive(socket))["payload"]["data"]["head"] >= 1
    assert history.log.head() == (await client.ask("{ head }"))["head"]


async def test_a_socket_takes_what_is_a_message_and_no_more(client: GraphQLClient) -> None:
    whole = '{"type": "subscribe", "id": "1", "payload": {"query": "{ head }", "variables": {"x": %s}}}'
    for value, told in (
        (r'"\ud800"', "error"),
        (r'"\u0000"', "error"),
        ("9" * 40, "error"),
        ("[" * 40 + "]" * 40, "error"),
    ):
        async with client.socket() as socket:
            await send(socket, type="connection_init", payload={"authorization": f"Bearer {client.token}"})
            await receive(socket)
            await socket.send(whole % value)
            answer = await receive(socket)
            assert (answer["type"], answer["payload"][0]["extensions"]["field"].partition(".")[0]) == (told, "x")
            await send(socket, type="subscribe", id="1", payload={"query": "{ head }"})
            assert (await receive(socket))["type"] == "next"
    for message in (
        "[" * 5000 + "]" * 5000,
        "[]",
        "5",
        '{"type": 5}',
        '{"type": "subscribe", "id": []}',
        "{",
        '{"type": "nonsense"}',
    ):
        async with client.socket() as socket:
            await send(socket, type="connection_init", payload={"authorization": f"Bearer {client.token}"})
            await receive(socket)
            await socket.send(message)
            async with asyncio.timeout(20):
                await socket.wait_closed()
            assert socket.close_code == 4400, message[:30]


async def test_bodies_may_be_packed_and_are_bounded_all_the_same(client: GraphQLClient, history: History) -> None:
    body = b'{"query": "{ head }"}'
    search = f"http://127.0.0.1:{client.port}/api/v1/events/search"
    packed = {"content-encoding": "gzip"}
    assert (await raw(client, gzip.compress(body), **packed)).json() == {"data": {"head": 0}}
    assert (await raw(client, body, **{"content-type": "Application/JSON; Charset=UTF-8"})).json() == {
        "data": {"head": 0}
    }
    for content, headers, status in (
        (gzip.compress(b" " * 10_000_000), packed, 413),
        (b"no gzip", packed, 400),
        (gzip.compress(body)[:-4], packed, 400),
        (body, {"content-encoding": "br"}, 415),
        (body, {"content-type": "application/json; charset=latin-1"}, 415),
        (body, {"content-type": "text/plain"}, 415),
        (b" " * 30_000, {}, 413),
    ):
        answer = await raw(client, content, **headers)
        assert (answer.status_code, bool(first(answer)["code"])) == (status, True), answer.text
        if "content-type" not in headers:
            asked = await client.http.post(search, content=content, headers={**client.headers, **headers})
            assert asked.status_code == status or (status != 415 and asked.status_code == 400), asked.text


async def test_a_moment_that_is_not_past_is_refused_with_the_head(
    client: GraphQLClient, history: History, log: Log
) -> None:
    id, head = history.open_incident(), log.head()
    later = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    for query, variables, field in (
        ("query($t: DateTime) { events(asOf: {recordedAt: $t}) { totalCount } }", {"t": later}, "asOf.recordedAt"),
        ("query($t: DateTime) { events(asOf: {occurredAt: $t}) { totalCount } }", {"t": later}, "asOf.occurredAt"),
        ("query($t: Position) { events(asOf: {position: $t}) { totalCount } }", {"t": head + 1}, "asOf.position"),
        ("query($i: ID!, $t: DateTime) { node(id: $i, asOf: {recordedAt: $t}) { id } }", {"i": "SW5jaWRlbnQ6MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAw", "t": later}, "asOf.recordedAt"),
        ("query($i: UUID!, $t: DateTime) { stateAt(streamId: $i, time: $t) { version } }", {"i": str(id), "t": later}, "time"),
        ("query($i: UUID!, $t: Position) { stateAt(streamId: $i, position: $t) { version } }", {"i": str(id), "t": head + 1}, "position"),
    ):  # fmt: skip
        error = await client.error(query, **variables)
        assert (error["code"], error["field"], error["head"]) == ("INVALID_ARGUMENT", field, head)
    for value in (later, str(head + 1)):
        url = f"http://127.0.0.1:{client.port}/api/v1/audit"
        answer = await client.http.get(url, params={"as_of": value}, headers=client.headers)
        assert (answer.status_code, answer.json()["field"], answer.json()["head"]) == (400, "as_of", head)
    async with client.socket() as socket:
        await send(socket, type="connection_init", payload={"authorization": f"Bearer {client.token}"})
        await receive(socket)
        query = f'subscription {{ log(since: "{later}") {{ position }} }}'
        await send(socket, type="subscribe", id="1", payload={"query": query})
        refused = (await receive(socket))["payload"]
        error = (refused[0] if isinstance(refused, list) else refused["errors"][0])["extensions"]
        assert (error["field"], error["head"]) == ("since", head)
    last = log.recorded_at(head).isoformat()
    assert (await client.ask("query($t: DateTime) { events(asOf: {recordedAt: $t}) { position } }", t=last))["events"]


async def test_no_question_about_the_schema_keeps_others_waiting(client: GraphQLClient) -> None:
    greedy = " ".join(
        f"a{n}: __schema {{ types {{ name fields {{ name type {{ name ofType {{ name fields {{ name }} }} }} }} }} }}"
        for n in range(30)
    )
    assert (await client.error("{ " + greedy + " }"))["code"] == "TOO_EXPENSIVE"
    usual = get_introspection_query()
    health = f"http://127.0.0.1:{client.port}/healthz"
    asking = asyncio.create_task(client.post(usual))
    await asyncio.sleep(0)
    waits = []
    while not asking.done():
        begun = time.perf_counter()
        assert (await client.http.get(health)).status_code == 200
        waits.append(time.perf_counter() - begun)
    assert "errors" not in (await asking).json()
    assert waits
