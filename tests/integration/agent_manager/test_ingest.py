"""Ingest on a real JetStream and a real PostgreSQL: each event once, whatever happens."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aetherius.cli.tables import create_tables
from aetherius.domain.cluster_event import Reported
from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.event import MAX_EVENT_BYTES, encode_lines
from aetherius.domain.wire.identity import observation_id
from aetherius.runtime.embedded_nats import EmbeddedNats
from aetherius.runtime.embedded_postgres import EmbeddedPostgres
from aetherius.runtime.jetstream.streams import EVENTS, ensure_streams
from aetherius.runtime.nats_connection import connect
from manager_site import Site, events_of

pytestmark = pytest.mark.anyio


def sequences(site: Site) -> list[int]:
    return sorted(event.sequence for event in site.events(Reported))


async def test_events_of_a_message_get_into_the_log_in_order_with_their_cause(site: Site) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with site.manager():
        payload = encode_lines(events_of([1, 2, 3])).rstrip()
        sent = {headers.BATCH: "3", headers.TRACEPARENT: trace}
        await site.js.publish(subjects.event("c1"), payload, headers=sent)
        await site.until(lambda: len(site.recorded(Reported)) == 3)
    recorded = site.recorded(Reported)
    assert [each.sequence for each in site.events(Reported)] == [1, 2, 3]
    assert {each.cause.actor for each in recorded} == {"agent:c1"}
    assert {each.cause.traceparent for each in recorded} == {trace}
    assert recorded[0].occurred_at == events_of([1])[0].timestamp


async def test_a_bare_event_is_taken_too(site: Site) -> None:
    async with site.manager():
        await site.js.publish(subjects.event("c1"), encode_lines(events_of([1])).strip())
        await site.until(lambda: sequences(site) == [1])


async def test_duplicates_and_reordered_deliveries_are_stored_once(site: Site) -> None:
    batches = [events_of(range(start, start + 20)) for start in range(1, 101, 10)]  # each event in two of them
    random.Random(7).shuffle(batches)
    async with site.manager(fetch_messages=2, commit_events=30):
        for batch in batches + batches[::-1]:
            await site.report(*batch)
        await site.empty(EVENTS)
    assert sequences(site) == list(range(1, 111))


async def test_a_bad_line_goes_to_the_dead_letters_and_the_rest_is_stored(site: Site) -> None:
    lines = encode_lines(events_of([1, 2])).splitlines()
    payload = b"\n".join([lines[0], b'{"id": 5', lines[1]])
    sent = {headers.BATCH: "3", headers.MESSAGE_ID: "batch-1", "ce-id": "batch-1", "Nats-Expected-Stream": "EVENTS"}
    async with site.manager():
        await site.js.publish(subjects.event("c1"), payload, headers=sent)
        (letter,) = await site.dead_letters(1)
        await site.empty(EVENTS)
    assert sequences(site) == [1, 2]
    assert letter.subject == "aetherius.dead-letter.aetherius.agent.c1.event"
    assert letter.data == b'{"id": 5'
    assert letter.headers["ce-id"] == "batch-1"
    assert letter.headers["Aetherius-Original-Nats-Msg-Id"] == "batch-1"
    assert "event" in letter.reason


async def test_an_oversized_event_is_refused_with_its_size(site: Site) -> None:
    (good,) = events_of([1])
    huge = b'{"message":"' + b"x" * MAX_EVENT_BYTES + b'"}'
    async with site.manager():
        await site.js.publish(subjects.event("c1"), encode_lines([good]) + huge, headers={headers.BATCH: "2"})
        (letter,) = await site.dead_letters(1)
        await site.empty(EVENTS)
    assert f"more than {MAX_EVENT_BYTES}" in letter.reason
    assert letter.data == huge
    assert sequences(site) == [1]


async def test_a_message_of_the_largest_size_does_not_block(site: Site) -> None:
    async with site.manager():
        await site.js.publish(subjects.event("c1"), b"x" * (1024 * 1024 - 100))
        await site.report(*events_of([1]))
        await site.dead_letters(1)
        await site.empty(EVENTS)
    assert sequences(site) == [1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cluster_id": "other"}, "cluster_id"),
        ({"id": "no-uuid"}, "UUID"),
        ({"timestamp": datetime.now(UTC) + timedelta(hours=1)}, "timestamp"),
        ({"timestamp": datetime.now(UTC) - timedelta(days=30)}, "timestamp"),
        ({"message": "nul \0 inside"}, "U+0000"),
        ({"sequence": 2**60}, "sequence"),
        ({"id": observation_id("c1", datetime.now(UTC) - timedelta(seconds=9), "test", 1)}, "48 bits"),
    ],
)
async def test_an_event_that_breaks_a_rule_is_refused(site: Site, change: dict[str, Any], reason: str) -> None:
    async with site.manager():
        await site.report(*events_of([1], **change))
        (letter,) = await site.dead_letters(1)
        await site.empty(EVENTS)
    assert reason in letter.reason
    assert sequences(site) == []


async def test_late_events_are_stored_in_a_partition_of_their_own(site: Site) -> None:
    async with site.manager():
        await site.report(*events_of([1]), *events_of([2, 3], timestamp=datetime.now(UTC) - timedelta(days=12)))
        await site.empty(EVENTS)
    assert sequences(site) == [1, 2, 3]


async def test_an_event_that_was_archived_meanwhile_is_refused(site: Site, dsn: str) -> None:
    late = datetime.now(UTC) - timedelta(days=12)
    async with site.manager():
        await site.report(*events_of([1]))
        await site.empty(EVENTS)
        with psycopg.connect(dsn) as connection:  # the manager does not know it yet
            connection.execute("UPDATE aetherius.partitioning SET archive_edge = %s", (late + timedelta(days=1),))
        await site.report(*events_of([2]), *events_of([3], timestamp=late))
        (letter,) = await site.dead_letters(1)
        await site.empty(EVENTS)
    assert "archive's edge" in letter.reason
    assert sequences(site) == [1, 2]


async def test_a_wrong_batch_header_refuses_the_whole_message(site: Site) -> None:
    async with site.manager():
        for header in ("7", "many", "-1"):
            await site.js.publish(
                subjects.event("c1"), encode_lines(events_of([1, 2])).strip(), headers={headers.BATCH: header}
            )
        letters = await site.dead_letters(3)
        await site.empty(EVENTS)
    assert all(letter.data.count(b"\n") == 1 for letter in letters)


async def test_two_managers_share_the_events(site: Site) -> None:
    async with site.manager(fetch_messages=3, commit_events=20), site.manager(fetch_messages=3, commit_events=20):
        for start in range(1, 1001, 10):
            await site.report(*events_of(range(start, start + 10)))
        await site.empty(EVENTS)
    assert sequences(site) == list(range(1, 1001))


async def test_killed_between_commit_and_acknowledgement_it_stores_nothing_twice(site: Site) -> None:
    for start in range(1, 101, 10):
        await site.report(*events_of(range(start, start + 10)))
    settings = site.settings(commit_events=30)
    environment = {
        **os.environ,
        "PYTHONPATH": "src",
        "AETHERIUS_POSTGRES_DSN": settings.postgres_dsn,
        "AETHERIUS_NATS_URL": settings.nats_url,
        "AETHERIUS_SIGNING_KEY_FILE": str(settings.signing_key_file),
        "AETHERIUS_ACK_WAIT": "1",
        "AETHERIUS_COMMIT_EVENTS": "30",
    }
    script = Path(__file__).with_name("dies_after_commit.py")
    process = await asyncio.create_subprocess_exec(sys.executable, str(script), env=environment)
    assert await asyncio.wait_for(process.wait(), 120) == -9
    assert sequences(site)
    assert await site.waiting(EVENTS) == 10
    async with site.manager():
        await site.empty(EVENTS)
    assert sequences(site) == list(range(1, 101))


async def test_a_cancelled_manager_leaves_its_messages_to_the_next(site: Site) -> None:
    for start in range(1, 501, 10):
        await site.report(*events_of(range(start, start + 10)))
    async with site.manager(fetch_messages=5, commit_events=20) as serving:
        await site.until(lambda: site.recorded(Reported))
        serving.cancel()
    async with site.manager():
        await site.empty(EVENTS)
    assert sequences(site) == list(range(1, 501))


async def test_it_goes_on_when_postgresql_is_back(broker: EmbeddedNats, open_folder: Path, tmp_path: Path) -> None:
    server = EmbeddedPostgres(open_folder / "away")
    dsn = await server.start()
    create_tables(dsn)
    async with connect(broker.url, "test") as nats:
        await ensure_streams(nats.jetstream())
        site = Site(dsn, broker.url, nats, tmp_path)
        async with site.manager():
            await site.report(*events_of([1]))
            await site.until(lambda: sequences(site) == [1])
            site.log.close()
            await server.stop()
            await site.report(*events_of([2, 3]))
            await asyncio.sleep(1)  # it meets the closed door
            assert await server.start() == dsn
            await site.report(*events_of([4]))
            await site.empty(EVENTS)
        with Site(dsn, broker.url, nats, tmp_path).log as log:
            assert log.head() == 4
    await server.stop()
