"""The read API over a log whose old observations are archived: history, states and the audit's pages are as they were."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx2
import psycopg
import pytest

from aetherius.event_store.archive.archiver import Archiver
from aetherius.event_store.archive.reading import ARCHIVED
from aetherius.event_store.log import Log
from aetherius.event_store.upkeep import partitions
from graphql_client import OPERATOR, GraphQLClient
from log_history import NOON, History

pytestmark = pytest.mark.anyio

HISTORY = """query($id: UUID!) {
  history(streamId: $id) { entry { position version type actor occurredAt recordedAt event } before after
    diff { path before after } }
  stateAt(streamId: $id, version: 1) { kind version position state }
}"""


async def everything(client: GraphQLClient, ids: list[UUID]) -> list[object]:
    """What is told of some streams, and by the audit's pages."""
    told: list[object] = [await client.ask(HISTORY, id=str(id)) for id in ids]
    address = f"http://127.0.0.1:{client.port}"
    link = "/api/v1/audit?limit=7"
    while link:
        answer = await client.http.get(f"{address}{link}", headers=client.headers)
        told.append(answer.json())
        link = str(answer.links["next"]["url"]) if "next" in answer.links else ""
    return told


async def verified(client: GraphQLClient) -> httpx2.Response:
    headers = client.as_(OPERATOR).headers
    return await client.http.post(f"http://127.0.0.1:{client.port}/api/v1/audit/verify", headers=headers)


async def test_nobody_sees_that_old_observations_are_archived(
    client: GraphQLClient, history: History, log: Log, dsn: str, tmp_path: Path
) -> None:
    history.now = NOON - timedelta(days=60)
    reports = [history.report() for _ in range(10)]
    incident = history.open_incident()
    history.now = NOON
    ids = [reports[0], reports[-1], history.report(), incident]
    before = await everything(client, ids)
    folder = tmp_path / "archive"
    with psycopg.connect(dsn, autocommit=True) as connection, Archiver(dsn, folder.as_uri()) as archiver:
        for each in partitions.partitions(connection):
            if each.ends and each.ends < NOON - timedelta(days=30):
                archiver.archive(each)
        assert connection.execute("SELECT count(*) FROM aetherius.observed").fetchone() == (1,)
    assert await everything(client, ids) == before
    assert (await verified(client)).json()["intact"]
    shutil.rmtree(folder)
    ARCHIVED.forget()
    away = await client.http.get(f"http://127.0.0.1:{client.port}/api/v1/audit", headers=client.headers)
    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    report = (await verified(client)).json()
    assert {finding["wrong"] for finding in report["findings"]} == {"not readable"}
