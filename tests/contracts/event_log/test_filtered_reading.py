"""Reading what matches rarely: the same as reading everything and choosing, wherever the table of what occurs where ends."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest

from aetherius.domain.event import Recorded
from aetherius.event_store import schema
from aetherius.event_store.contents_index import ContentsIndex
from aetherius.event_store.log import Log
from aetherius.event_store.ports import EventLog
from aetherius.event_store.reading import contents
from aetherius.event_store.reading import filtered as filtered_reading
from aetherius.event_store.tables import LOG
from event_builders import a_choice, a_command, a_gap, report
from event_log_sites import LogSite

CLUSTERS = ["berlin", "oslo", 'a "quoted" name', "rare"]


@pytest.fixture
def log(dsn: str) -> Iterator[Log]:
    schema.create(dsn)
    with Log(dsn) as log:
        yield log


def take_down(log: EventLog) -> None:
    """Take down what occurs where. A log in memory looks at everything."""
    if isinstance(log, Log):
        index = ContentsIndex(log, step=200)
        while index.step():
            pass
        assert log.checkpoint(contents.CHECKPOINT) > 4000


def fill(log: EventLog, chance: random.Random, batches: int) -> None:
    """Mostly reports of two clusters; of everything else a little."""
    for _ in range(batches):
        match chance.random():
            case dice if dice < 0.9:
                log.append([report(chance.choice(CLUSTERS[:3])) for _ in range(chance.choice([1, 40, 200]))])
            case dice if dice < 0.94:
                log.append([report("rare")])
            case dice if dice < 0.97:
                log.append([*a_command(chance.choice(CLUSTERS)), report("oslo")])
            case _:
                log.append([a_choice(), a_gap("rare")])


def cluster_names(events: Sequence[Recorded]) -> dict[int, str]:
    """The cluster of each position, by looking at everything."""
    of_stream: dict[UUID, str] = {}
    for each in events:
        of_stream.setdefault(each.stream_id, getattr(each.event, "cluster_id", ""))
    return {each.position: of_stream[each.stream_id] for each in events}


def all_pages(
    log: EventLog, after: int, limit: int, topics: Sequence[str], clusters: Sequence[str], upto: int
) -> list[int]:
    found: list[int] = []
    while True:
        page = log.read_page(after, limit, topics, upto, clusters=clusters)
        assert len(page) <= limit
        assert all(after < each.position <= page.next_position for each in page)
        found += [each.position for each in page]
        after = page.next_position
        if len(page) < limit:
            assert after == upto
            return found


@pytest.mark.parametrize("seed", range(3))
def test_what_is_read_is_what_choosing_from_everything_gives(
    site: LogSite, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the near end and the statements' limits made small, so that every way of reading is taken."""
    monkeypatch.setattr(filtered_reading, "NEAR", 300)
    monkeypatch.setattr(filtered_reading, "_STRETCHES", 3)
    log, chance = site.log, random.Random(seed)
    fill(log, chance, 120)
    take_down(log)
    fill(log, chance, 15)
    everything = log.read(0, 100_000)
    head, cluster_of = log.head(), cluster_names(everything)
    topics = ["ClusterEvent.Reported.v1", "Command.Dispatched.v1", "Agent.GapDetected.v1", "Strategy.Selected.v1"]
    for _ in range(25):
        after, upto = chance.randrange(head), head if chance.random() < 0.5 else chance.randrange(1, head)
        wanted, clusters = chance.sample(topics, chance.randrange(4)), chance.sample(CLUSTERS, chance.randrange(3))
        expected = [
            each.position
            for each in everything
            if after < each.position <= upto
            and (not wanted or each.event.topic in wanted)
            and (not clusters or cluster_of[each.position] in (*clusters, ""))
        ]
        if after <= upto:
            assert all_pages(log, after, chance.choice([13, 97, 500]), wanted, clusters, upto) == expected


def test_a_rare_cluster_is_found_without_looking_at_the_rest(log: Log, dsn: str) -> None:
    log.append([report("rare")])
    for _ in range(24):
        log.ingest([report("berlin").stored() for _ in range(1000)])
    while ContentsIndex(log, step=1000).step():
        pass
    log.append([report("rare")])
    log.close()  # a session tells its numbers at its end
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE")
        before = tuples_read(connection)
        with Log(dsn) as other:
            assert [each.position for each in other.read_page(0, 500, clusters=["rare"])] == [1, 24_002]
        assert tuples_read(connection) - before < filtered_reading.NEAR + 1000


def tuples_read(connection: psycopg.Connection) -> int:
    connection.execute("SELECT pg_stat_force_next_flush()")
    row = connection.execute(
        "SELECT sum(seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_user_tables WHERE relname LIKE 'observed%'"
    ).fetchone()
    assert row is not None
    return int(row[0] or 0)


def test_two_indexers_take_every_stretch_in_once(log: Log, dsn: str) -> None:
    for _ in range(8):
        log.ingest([report(cluster).stored() for _ in range(100) for cluster in CLUSTERS])
    one, two = ContentsIndex(log, step=100), ContentsIndex(log, step=100)
    with ThreadPoolExecutor(2) as pool:
        while any(pool.map(lambda index: index.step(), [one, two])):
            pass
    assert log.checkpoint(contents.CHECKPOINT) == 3200
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(LOG.statement("contents_of"), (["c:oslo"], 0, 100, 100)).fetchall()
    assert contents.stretches_of(rows, 0, 3200) == [(1, 3200)]


def test_the_last_stretch_of_a_chunk_is_told_too(log: Log) -> None:
    """It is the sign of PostgreSQL's bigint."""
    gathered = contents.Contents()
    for position in (1, 16_383, 16_384):
        gathered.add(["c:x"], position)
    keys, chunks, bits = gathered.columns()
    assert (keys, chunks) == (["c:x", "c:x"], [0, 1])
    assert contents.stretches_of(list(zip(chunks, bits, strict=True)), 0, 20_000) == [
        (1, 255),
        (16_128, 16_639),
    ]
