"""REST of the search: finds what was indexed, page by page, and answers what cannot be asked with a problem that names field and rule."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
import httpx2
import pytest

from aetherius.event_store.log import Log
from graphql_client import GraphQLClient
from log_history import History
from search_site import SearchSite

pytestmark = pytest.mark.anyio


async def ask(client: GraphQLClient, body: Any, **headers: str) -> httpx2.Response:
    url = f"http://127.0.0.1:{client.port}/api/v1/events/search"
    return await client.http.post(url, json=body, headers={**client.headers, **headers})


async def get(client: GraphQLClient, path: str) -> httpx2.Response:
    return await client.http.get(f"http://127.0.0.1:{client.port}/api/v1{path}", headers=client.headers)


@pytest.fixture
async def history(dsn: str, log: Log) -> History:
    """Reports, indexed by the process that does it."""
    made = History(log, 1)
    for cluster in ("berlin", "oslo", "berlin"):
        made.report(cluster)
    made.open_incident()
    site = SearchSite(dsn, log)
    with site.indexing():
        await anyio.to_thread.run_sync(site.until_caught_up)
    return made


async def test_what_was_reported_is_found_and_counted(history: History, client: GraphQLClient) -> None:
    body = {
        "text": {"query": "killed", "match": "all"},
        "filter": {"cluster_id": "berlin", "kind": "observation"},
        "aggregations": {"time": {"type": "histogram", "interval": "1d", "by": "severity"}},
    }
    answer = (await ask(client, body, **{"Idempotency-Key": "once"})).json()
    assert [item["cluster_id"] for item in answer["items"]] == ["berlin"] * answer["total"]
    assert answer["total"] >= 2
    assert answer["items"][0]["occurred_at"].startswith("2026-11-23T12:00:0")
    assert "text" not in answer["items"][0]
    [bucket] = answer["aggregations"]["time"]
    assert bucket["key"] == "2026-11-23T00:00:00.000Z"
    assert sum(each["count"] for each in bucket["by"]) == answer["total"]


async def test_the_cursor_leads_through_all_that_was_found(history: History, client: GraphQLClient) -> None:
    everything = (await ask(client, {})).json()
    ids, cursor = [], None
    while True:
        page = (await ask(client, {"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        ids += [item["id"] for item in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert ids == [item["id"] for item in everything["items"]]
    assert len(ids) == everything["total"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"limit": 501}, "limit"),
        ({"filter": {"colour": "red"}}, "filter"),
        ({"text": {"query": "?!"}}, "text.query"),
        ({"text": {"query": "a", "match": "fuzzy"}}, "text.match"),
        ({"range": {"occurred_at": {"gte": "2026-11-23T12:00:00"}}}, "range.occurred_at.gte"),
        ({"cursor": "bm9uZQ"}, "cursor"),
        ({"aggregations": {"a": {"type": "terms", "field": "message"}}}, "aggregations.a.field"),
        ({"aggregations": {"a": {"type": "histogram", "interval": "1y"}}}, "aggregations[...].interval"),
        ([], "body"),
    ],
    ids=str,
)
async def test_a_question_that_breaks_a_rule_is_refused_by_field_and_rule(
    history: History, client: GraphQLClient, body: Any, field: str
) -> None:
    answer = await ask(client, body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["field"]) == ("INVALID_QUERY", field)
    assert problem["rule"]


async def test_without_a_token_nothing_is_told(history: History, client: GraphQLClient) -> None:
    for method, path in (("POST", "/events/search"), ("GET", "/openapi.json"), ("GET", f"/events/{'0' * 32}")):
        url = f"http://127.0.0.1:{client.port}/api/v1{path}"
        assert (await client.http.request(method, url)).status_code == 401


async def test_the_routes_are_described(history: History, client: GraphQLClient) -> None:
    described = (await get(client, "/openapi.json")).json()
    asked = described["paths"]["/api/v1/events/search"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert asked
    assert {"/api/v1/events/{id}", "/api/v1/audit", "/api/v1/audit/verify", "/readyz"} <= set(described["paths"])


async def test_an_event_that_is_not_there_is_not_found(history: History, client: GraphQLClient) -> None:
    answer = await get(client, "/events/00000000-0000-0000-0000-000000000000")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
