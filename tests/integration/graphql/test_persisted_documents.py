"""Documents by their hash, limits of documents, and what the process tells of itself, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from aetherius.api import service
from aetherius.api.settings import ApiSettings
from aetherius.event_store.log import Log
from aetherius.graphql.errors import DocumentsFolderError
from aetherius.graphql.persisted import PersistedDocuments, digest_of
from aetherius.projections import schema as read_model_schema
from aetherius.runtime.ports import free_port
from graphql_client import READER, GraphQLClient
from log_history import History

pytestmark = pytest.mark.anyio

HEAD = "{ head }"
LIST = "{ agents { totalCount } }"


async def by_hash(client: GraphQLClient, text: str, **more: Any) -> Any:
    body = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest_of(text)}}, **more}
    return (await client.http.post(client.url, json=body, headers=client.headers)).json()


async def test_a_document_that_was_brought_once_can_be_named(client: GraphQLClient) -> None:
    for text, name in ((HEAD, "head"), (LIST, "agents")):
        (error,) = (await by_hash(client, text))["errors"]
        assert (error["message"], error["extensions"]["code"]) == (
            "PersistedQueryNotFound",
            "PERSISTED_QUERY_NOT_FOUND",
        )
        assert name in (await by_hash(client, text, query=text))["data"]
        assert name in (await by_hash(client, text))["data"]
    (error,) = (await by_hash(client, HEAD, query=LIST))["errors"]
    assert error["extensions"]["code"] == "INVALID_ARGUMENT"


async def test_an_answer_over_get_is_sent_once(client: GraphQLClient, history: History) -> None:
    async def get(text: str, **headers: str) -> httpx2.Response:
        extensions = json.dumps({"persistedQuery": {"version": 1, "sha256Hash": digest_of(text)}})
        asked = {**client.headers, **headers}
        return await client.http.get(client.url, params={"extensions": extensions, "variables": "{}"}, headers=asked)

    mutation = 'mutation { acknowledgeIncident(id: "x") { position } }'
    assert (await get(HEAD)).json()["errors"][0]["message"] == "PersistedQueryNotFound"
    for text in (HEAD, LIST, mutation):
        await by_hash(client, text, query=text)
    for text in (HEAD, LIST):
        first = await get(text)
        assert "data" in first.json()
        again = await get(text, **{"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    history.report()
    first = await get(HEAD, **{"if-none-match": '"old"'})
    assert first.json() == {"data": {"head": 1}}
    assert (await get(HEAD, authorization="Bearer wrong")).status_code == 401
    assert (await get(mutation)).status_code == 405
    answer = await client.http.get(client.url, params={"query": HEAD}, headers=client.headers)
    assert answer.status_code == 400


async def test_only_trusted_documents_are_taken_if_so_told(
    log: Log, dsn: str, settings: ApiSettings, tmp_path: Path
) -> None:
    (tmp_path / "trusted").mkdir()
    (tmp_path / "trusted" / "list.graphql").write_text(LIST)
    read_model_schema.create(dsn)
    health = free_port()
    told = replace(
        settings,
        graphql_documents_folder=tmp_path / "trusted",
        graphql_only_trusted=True,
        health_port=health,
    )
    stop, ready, ports = asyncio.Event(), asyncio.Event(), list[int]()
    async with asyncio.TaskGroup() as tasks, httpx2.AsyncClient(timeout=120) as http:
        tasks.create_task(service.run(told, stop, ready.set, ports.append))
        async with asyncio.timeout(120):
            await ready.wait()
        client = GraphQLClient(http, ports[0], READER)
        assert "agents" in (await by_hash(client, LIST))["data"]
        assert "agents" in await client.ask(LIST)
        for text in (HEAD, "{ agents { position } }"):
            assert (await client.error(text))["code"] == "UNTRUSTED_DOCUMENT"
            assert (await by_hash(client, text, query=text))["errors"][0]["extensions"]["code"] == "UNTRUSTED_DOCUMENT"
        assert (await http.get(f"http://127.0.0.1:{health}/readyz")).status_code == 200
        metrics = (await http.get(f"http://127.0.0.1:{health}/metrics")).text
        assert 'aetherius_graphql_request_seconds_count{path="compiled"}' in metrics
        assert 'aetherius_graphql_errors_total{code="UNTRUSTED_DOCUMENT"}' in metrics
        assert 'aetherius_graphql_cache_lookups_total{cache="plans",outcome="hit"}' in metrics
        stop.set()


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentsFolderError, match="no documents"):
        PersistedDocuments(tmp_path, only_trusted=True)
    with pytest.raises(DocumentsFolderError, match="not a folder"):
        PersistedDocuments(tmp_path / "nowhere")


async def test_limits_name_what_is_too_much_and_where(client: GraphQLClient) -> None:
    deep = "{ incidents { edges { node " + "{ workflow { incident " * 8 + "{ id }" + " } }" * 8 + " } } }"
    error = await client.error(deep)
    assert (error["code"], error["limit"]) == ("TOO_DEEP", 15)
    assert error["field"].startswith("incidents.edges.node.workflow")
    many = "{ agents { " + " ".join(f"a{n}: position" for n in range(101)) + " } }"
    assert (await client.error(many))["code"] == "TOO_BROAD"
    roots = "{ " + " ".join(f"a{n}: head" for n in range(31)) + " }"
    assert (await client.error(roots))["field"] == "fields at the root"
    greedy = "query($n: Int! = 500) { incidents(first: $n) { edges { node { remediations { commands { output tool } } } } } }"
    error = await client.error(greedy)
    assert (error["code"], error["field"]) == (
        "TOO_EXPENSIVE",
        "incidents.edges.node.remediations.commands.output",
    )
    assert "50000" in error["message"]


async def test_the_schema_is_published_to_who_may_ask(client: GraphQLClient) -> None:
    url = f"{client.url}/schema.graphql"
    assert (await client.http.get(url)).status_code == 401
    assert "type Query" in (await client.http.get(url, headers=client.headers)).text
