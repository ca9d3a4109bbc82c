"""Backup and restore, as docs/operations/log.md tells them, on real servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from aetherius.cli.tables import create_tables
from aetherius.event_store.audit import ledger_audit as audit
from aetherius.event_store.audit.ledger_audit import Anchor, Wrong
from aetherius.event_store.errors import (
    AnotherTimelineError,
    LogUnavailableError,
    PositionAheadError,
    UnknownPositionError,
)
from aetherius.event_store.log import Log
from aetherius.event_store.reading.timeline import restored
from aetherius.event_store.subscription import LogSignal
from aetherius.graphql.feed import Feed
from aetherius.projections import service
from aetherius.projections.errors import ReadModelUnavailableError
from aetherius.projections.events import EventFilter
from aetherius.projections.models import EVENTS
from aetherius.projections.postgres_queries import PostgresReadModels
from aetherius.projections.settings import ProjectionsSettings
from installation import aetherius
from log_history import History
from postgres_site import PostgresSite, until_promoted
from processes import eventually
from sealed_state import SEALING
from stored_rows import all_rows

pytestmark = pytest.mark.anyio
Project = Callable[[str], None]


def head_of(dsn: str, anchor: Anchor | None = None) -> audit.AuditReport:
    with psycopg.connect(dsn) as connection:
        return audit.verify(connection, anchor=anchor)


def time_of(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT clock_timestamp()::text").fetchone()
    assert row is not None
    return str(row[0])


def write(dsn: str, count: int, seed: int = 0) -> None:
    with Log(dsn, sealing=SEALING) as log:
        history = History(log)
        history.count = 1000 * seed  # ids of its own
        for _ in range(count):
            history.report()


async def test_a_log_restored_to_a_point_in_time_is_intact_and_its_readers_go_on(
    site: PostgresSite, project: Project
) -> None:
    primary = site.server("primary")
    site.start_archiving(await primary.start())
    await primary.stop()
    dsn = await primary.start()
    create_tables(dsn)
    write(dsn, 20)
    project(dsn)
    cluster = site.base_backup(dsn, "restored")
    write(dsn, 20, seed=1)
    project(dsn)
    kept, moment = head_of(dsn).head, time_of(dsn)
    write(dsn, 30, seed=2)
    project(dsn)
    lost = head_of(dsn).head
    with Log(dsn, sealing=SEALING) as log:
        timeline = log.timelines()[-1]
    await primary.stop()  # which archives the rest of its WAL

    site.recover(cluster, moment)
    dsn = await site.server("restored").start()
    until_promoted(dsn)
    report = head_of(dsn, anchor=kept)
    assert report.intact
    assert report.head == kept
    assert [finding.wrong for finding in head_of(dsn, anchor=lost).findings] == [Wrong.ANCHOR_MISSED]
    with Log(dsn, sealing=SEALING) as log:
        assert not log.standing().confirmed  # PostgreSQL itself says that it was restored
        assert "timeline 2" in aetherius("log", "restored", "--dsn", dsn)
        assert log.standing().confirmed
        assert log.check(kept.position, timeline.id) == log.timelines()[-1].id
        with pytest.raises(PositionAheadError):
            log.check(lost.position)
        write(dsn, 40, seed=3)  # the lost positions are given out again
        with pytest.raises(AnotherTimelineError) as refused:
            log.check(lost.position, timeline.id)
        assert refused.value.shared == kept.position
    project(dsn)
    rows = all_rows(dsn)
    assert len(rows["events"]) == 80
    aetherius("projections", "rebuild", "--all", "--dsn", dsn)
    assert all_rows(dsn) == rows
    assert head_of(dsn).intact


async def test_services_that_ran_on_while_the_log_was_restored_skip_nothing(site: PostgresSite) -> None:
    """They know positions that the restored log gives out again to other events."""
    primary = site.server("primary")
    dsn = await primary.start()
    port = int(conninfo_to_dict(dsn)["port"] or 0)
    create_tables(dsn)
    write(dsn, 20)
    stop = asyncio.Event()
    async with (
        asyncio.timeout(120),
        LogSignal(dsn) as signal,
        asyncio.TaskGroup() as tasks,
        AsyncExitStack() as opened,
    ):
        tasks.create_task(service.run(ProjectionsSettings(dsn), stop))
        with Log(dsn, timeout=2) as log:
            models = await opened.enter_async_context(PostgresReadModels(dsn, log))
            feed = Feed(log, signal)
            feeding = tasks.create_task(feed.run())
            following = tasks.create_task(follow(feed))
            await projected(dsn, 20)
            site.base_backup(dsn, "restored", "-X", "stream")
            await asyncio.to_thread(write, dsn, 30, 1)
            await projected(dsn, 50)
            await asked(models, 50)
            await primary.stop()
            await site.server("restored", port).start()
            restored(dsn)
            with pytest.raises(UnknownPositionError):  # though it was whole up to there a moment ago
                await asked(models, 50)
            first, second = await asyncio.to_thread(incidents_around, dsn)
            await asyncio.to_thread(
                eventually, lambda: closed(dsn, second), "the second incident's end in the read model"
            )
            assert closed(dsn, first)  # of positions that these readers, who found nothing there, had passed before
            seen, ended = await following
            assert seen == list(range(1, 51))
            assert ended.shared == 20
            feeding.cancel()
            stop.set()
    rows = all_rows(dsn)
    aetherius("projections", "rebuild", "--all", "--dsn", dsn)
    assert all_rows(dsn) == rows


def incidents_around(dsn: str) -> tuple[UUID, UUID]:
    """Two incidents, before and after as many reports as were lost."""
    with Log(dsn, sealing=SEALING) as log:
        history = History(log)
        history.count = 2000
        first = history.repaired_incident()
        for _ in range(50):
            history.report()
        return first, history.repaired_incident()


def closed(dsn: str, incident: UUID) -> bool:
    return any(str(incident) in row and "resolved" in row.lower() for (row,) in all_rows(dsn)["incidents"])


async def follow(feed: Feed) -> tuple[list[int], AnotherTimelineError]:
    seen = []
    try:
        async for recorded in feed.follow(0):
            seen.append(recorded.position)
    except AnotherTimelineError as exc:
        return seen, exc
    raise AssertionError("a follower ends only by an error")


async def projected(dsn: str, count: int) -> None:
    """Wait until the events of a log of `count` reports are rows."""
    await asyncio.to_thread(eventually, lambda: rows_of_events(dsn) == count, f"{count} events in the read model")


async def asked(models: PostgresReadModels, position: int) -> None:
    """Ask for reports as of a position, again while a connection of before stands in the way."""
    while True:
        try:
            await models.page(EVENTS, EventFilter(), first=1, as_of=position)
        except (ReadModelUnavailableError, LogUnavailableError):
            continue
        return


def rows_of_events(dsn: str) -> int:
    try:
        return len(all_rows(dsn)["events"])
    except psycopg.OperationalError:  # one server ends, another begins
        return -1


async def test_a_dump_restores_a_log_that_is_intact_and_read_on(
    dsn: str, postgres: str, site: PostgresSite, project: Project
) -> None:
    create_tables(dsn)
    write(dsn, 20)
    project(dsn)
    kept, rows = head_of(dsn).head, all_rows(dsn)
    dump = str(site.archive / "log.dump")
    site.run("pg_dump", "-d", dsn, "-Fc", "-f", dump)
    name = f"restored_{site.root.name.replace('-', '_')}"
    other = make_conninfo(postgres, dbname=name)
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            site.run("pg_restore", "-d", other, "--exit-on-error", dump)
            report = head_of(other, anchor=kept)
            assert report.intact
            assert report.head == kept
            assert all_rows(other) == rows
            with Log(other) as log:
                assert not log.standing().confirmed
            assert restored(other).timeline.number == 2
            write(other, 10, seed=1)
            project(other)
            assert len(all_rows(other)["events"]) == 30
            assert head_of(other).intact
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
