"""The search index of a log, on each server there is: whole, what a replay makes, without secrets, and made again beside the one that serves."""

from __future__ import annotations

import msgspec
import psycopg
import pytest

from aetherius.domain.command import Succeeded
from aetherius.event_store.log import Log
from aetherius.event_store.pending import Pending
from aetherius.projections.search import elasticsearch, postgres
from aetherius.projections.search.query import Query, Text
from aetherius.projections.search.rebuilding import rebuild
from aetherius.projections.search.renewing import is_current, renew, serving
from aetherius.projections.search.verifying import verify
from event_builders import CAUSE, NOON, a_command
from log_history import History
from processes import eventually
from search_oracle import a_document
from search_site import SearchSite

pytestmark = pytest.mark.anyio
MARKER = "s3cr3tmarker"


@pytest.fixture(params=["elasticsearch_url", "none"])
def site(request: pytest.FixtureRequest, dsn: str, log: Log) -> SearchSite:
    url = "" if request.param == "none" else request.getfixturevalue(request.param)
    return SearchSite(dsn, log, url)


async def test_every_event_is_in_the_index_and_a_rebuild_gives_the_same_documents(site: SearchSite) -> None:
    history = History(site.log, 3)
    history.go_on(120)
    with site.indexing(batch=17):
        site.until_caught_up()
        history.go_on(60)
        site.until_caught_up()
        await site.must_be_whole()
        live = await site.documents()
        async with site.server() as server:
            assert await rebuild(site.dsn, site.log, server) == site.log.head()
        assert await site.documents() == live
        history.go_on(60)
        site.until_caught_up()
    await site.must_be_whole()


async def test_what_is_missing_extra_or_different_is_named(site: SearchSite) -> None:
    History(site.log, 5).go_on(60)
    with site.indexing():
        site.until_caught_up()
    changed = (await site.documents())[0]
    async with site.server() as server:
        live = server.generations(1)
        extra = a_document("extra", changed.position)
        await live.index([extra, msgspec.structs.replace(changed, position=10**6, message="another")], 0)
        verified = await verify(site.dsn, site.log, server)
    assert {(each.id, each.how) for each in verified.differences} == {("extra", "extra"), (changed.id, "missing")}


async def test_no_secret_reaches_the_index_neither_sealed_now_nor_stored_in_plain_before(site: SearchSite) -> None:
    command, dispatched = a_command("north")
    answered = Succeeded(execution_time="1s", exit_code=0, output=f"password {MARKER}")
    site.log.append([command, dispatched, Pending(command.stream_id, 3, answered, NOON, CAUSE)])
    other, _ = a_command("north")
    site.log.append([other, Pending(other.stream_id, 2, answered, NOON, CAUSE)])
    with psycopg.connect(site.dsn) as connection:  # as it was before there were keys
        state = msgspec.json.encode({"at": NOON, "by": "x", "data": answered})
        connection.execute(
            "UPDATE aetherius.decided SET state = %s WHERE originator_id = %s AND originator_version = 2",
            (state, other.stream_id),
        )
    with site.indexing():
        site.until_caught_up()
    documents = await site.documents()
    raw = msgspec.json.encode(documents).decode()
    assert MARKER not in raw
    assert "sealed:v1:" in raw
    async with site.server() as server:
        found = await server.generations(0).search(Query(text=Text(query=MARKER, match="any")))
        assert found.total == 0
        assert (await server.generations(0).search(Query(text=Text(query="kubectl")))).total == 2


async def test_replicas_that_run_beside_store_each_document_once(site: SearchSite) -> None:
    history = History(site.log, 9)
    with site.indexing(batch=7), site.indexing(batch=11):
        for _ in range(4):
            history.go_on(40)
        site.until_caught_up()
    await site.must_be_whole()


async def test_an_indexer_killed_again_and_again_leaves_nothing_out(site: SearchSite) -> None:
    history = History(site.log, 11)
    for _ in range(3):
        history.go_on(60)
        before = site.log.checkpoint("search")
        with site.indexing(batch=5):
            eventually(lambda before=before: site.log.checkpoint("search") > before + 10, "some batches")  # type: ignore[misc]
    with site.indexing():
        site.until_caught_up()
    await site.must_be_whole()


async def test_an_index_that_an_older_version_filled_is_made_again_by_itself(
    site: SearchSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    History(site.log, 3).go_on(40)
    with monkeypatch.context() as older:
        for module in (postgres, elasticsearch):
            older.setattr(module, "VERSION", 1)
        older.setitem(elasticsearch._MAPPINGS, "_meta", {})
        async with site.server() as server:
            await rebuild(site.dsn, site.log, server)
            old = await serving(site.dsn, server.backend)
    async with site.server() as server:
        assert not await is_current(site.dsn, server)
        await renew(site.dsn, site.log, server)
        assert await is_current(site.dsn, server)
        assert await serving(site.dsn, server.backend) == old + 1
        await renew(site.dsn, site.log, server)
        assert await serving(site.dsn, server.backend) == old + 1
    await site.must_be_whole()
