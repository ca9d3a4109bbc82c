"""Elasticsearch killed, away, without room, or refusing documents: the index waits, catches up, doubles nothing, and puts aside what cannot be stored."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio.to_thread
import pytest
from elasticsearch import Elasticsearch

from aetherius.event_store.log import Log
from aetherius.projections.search.parked import parked
from aetherius.projections.search.rebuilding import retry
from aetherius.projections.search.words import VERSION
from aetherius.readers.reader_standing import standing
from elasticsearch_server import ElasticsearchServer
from log_history import History
from processes import eventually
from search_site import SearchSite

pytestmark = pytest.mark.anyio


@pytest.fixture
def site(elasticsearch_url: str, dsn: str, log: Log) -> SearchSite:
    return SearchSite(dsn, log, elasticsearch_url)


def client(site: SearchSite) -> Elasticsearch:
    return Elasticsearch(site.settings.elasticsearch_url, request_timeout=60)


def state(site: SearchSite) -> str:
    return next(each.status for each in standing(site.dsn) if each.name == "search")


def until_it_backs_off(site: SearchSite) -> str:
    eventually(lambda: state(site) == "backing_off", "the indexer waiting for its index")
    return next(each.error for each in standing(site.dsn) if each.name == "search")


@contextmanager
def load(log: Log, seed: int) -> Iterator[None]:
    """Events come all the while."""
    stop = threading.Event()

    def write() -> None:
        history = History(log, seed)
        while not stop.is_set():
            history.go_on(5)
            stop.wait(0.02)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        yield
    finally:
        stop.set()
        writing.join()


@pytest.mark.timeout(600)  # the server starts three times
async def test_every_event_is_there_once_after_server_and_indexer_were_killed_under_load(
    own_elasticsearch: ElasticsearchServer, dsn: str, log: Log
) -> None:
    site = SearchSite(dsn, log, await own_elasticsearch.start())
    with load(log, 21):
        for _ in range(2):
            with site.indexing(batch=20):
                before = log.checkpoint("search")
                await until(lambda before=before: log.checkpoint("search") > before + 100, "some batches")
                await own_elasticsearch.crash()
                await until(lambda: state(site) == "backing_off", "the indexer noticing")
                await own_elasticsearch.start()
                before = log.checkpoint("search")
                await until(lambda before=before: log.checkpoint("search") > before + 40, "going on")
    with site.indexing():
        await anyio.to_thread.run_sync(site.until_caught_up)
    await site.must_be_whole()


async def until(probe: Any, what: str) -> None:
    await anyio.to_thread.run_sync(eventually, probe, what, 90.0)


async def test_while_the_indices_take_no_writes_it_waits_and_then_catches_up(site: SearchSite) -> None:
    history = History(site.log, 22)
    history.go_on(60)
    with site.indexing(), client(site) as es:
        site.until_caught_up()
        es.indices.put_settings(index=f"{site.prefix}-g*", settings={"index.blocks.read_only_allow_delete": True})
        history.go_on(60)
        assert "cluster_block_exception" in until_it_backs_off(site)
        stood = site.log.checkpoint("search")
        history.go_on(300)
        assert site.log.checkpoint("search") == stood
        assert len({each.id for each in await site.documents()}) >= stood
        es.indices.put_settings(index=f"{site.prefix}-g*", settings={"index.blocks.read_only_allow_delete": None})
        site.until_caught_up()
    await site.must_be_whole()
    assert parked(site.dsn) == []


@pytest.mark.timeout(600)
async def test_a_server_that_is_away_is_waited_for_with_one_batch_in_memory(
    own_elasticsearch: ElasticsearchServer, dsn: str, log: Log
) -> None:
    site = SearchSite(dsn, log, await own_elasticsearch.start())
    history = History(log, 23)
    with site.indexing(batch=10) as process:
        await anyio.to_thread.run_sync(history.go_on, 50)
        await anyio.to_thread.run_sync(site.until_caught_up)
        await own_elasticsearch.stop()
        before = resident(process.pid)
        for _ in range(5):
            await anyio.to_thread.run_sync(history.go_on, 200)
            await asyncio.sleep(0)
        assert "cannot" in await anyio.to_thread.run_sync(until_it_backs_off, site)
        assert resident(process.pid) - before < 20 * 1024 * 1024
        await own_elasticsearch.start()
        await anyio.to_thread.run_sync(site.until_caught_up)
    await site.must_be_whole()


async def test_documents_that_the_index_refuses_are_parked_with_the_reason_and_can_be_tried_again(
    site: SearchSite,
) -> None:
    with client(site) as es:
        index = f"{site.prefix}-g1-m2026.11"
        fields = {"id": "keyword", "kind": "keyword", "position": "long", "occurred_at": "date", "type": "keyword"}
        es.indices.create(
            index=index,
            mappings={
                "_meta": {"words": VERSION},  # an older one would be made again meanwhile
                "dynamic": False,
                "properties": {name: {"type": kind} for name, kind in fields.items()} | {"severity": {"type": "long"}},
            },
        )
        History(site.log, 24).go_on(80)
        with site.indexing(batch=30):
            site.until_caught_up()
        found = parked(site.dsn)
        there = {each.id for each in await site.documents()}
        assert found
        assert there
        assert {each.document_id for each in found}.isdisjoint(there)
        assert all("severity" in each.reason for each in found)
        events = {event.position for event in site.log.read(0, 100_000)}
        assert {each.position for each in found} <= events
        async with site.server() as server:
            assert len(await retry(site.dsn, site.log, server, found)) == len(found)
            assert len(parked(site.dsn)) == len(found)
            es.indices.delete(index=index)
            assert await retry(site.dsn, site.log, server, found) == []
        assert parked(site.dsn) == []


async def test_an_index_that_was_lost_is_filled_again(site: SearchSite) -> None:
    history = History(site.log, 25)
    history.go_on(80)
    with site.indexing():
        site.until_caught_up()
    with client(site) as es:
        es.indices.delete(index=f"{site.prefix}-g*")
    history.go_on(10)
    with site.indexing():
        site.until_caught_up()
        eventually(lambda: site.log.checkpoint("search") == site.log.head(), "the end")
    await site.must_be_whole()


def resident(pid: int) -> int:
    """Bytes of memory."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4096
