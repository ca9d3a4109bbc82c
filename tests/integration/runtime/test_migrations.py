"""Migrations: numbered files by room, in two halves, made by one process at a time, and gone on with wherever they were cut off."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from aetherius.runtime.errors import (
    DatabaseUnavailableError,
    MigrationBlockedError,
    MigrationChangedError,
    MigrationFailedError,
    MigrationMalformedError,
    TablesMissingError,
)
from aetherius.runtime.migrations.applied import missing, require
from aetherius.runtime.migrations.migrate import migrate
from aetherius.runtime.migrations.room import Room, read
from processes import eventually

BY_HAND = Path(__file__).with_name("migrated_by_hand.py")
CREATED, FILLED, NARROWED = "0001_things.pre.sql", "0002_names.pre.sql", "0002_names.post.sql"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files: a table, and a change of it in two halves."""
    (tmp_path / CREATED).write_text("CREATE TABLE things (id int PRIMARY KEY);\nINSERT INTO things VALUES (1), (2);\n")
    (tmp_path / FILLED).write_text("ALTER TABLE things ADD COLUMN name text NOT NULL DEFAULT '%';\n")
    (tmp_path / NARROWED).write_text("ALTER TABLE things ALTER COLUMN name DROP DEFAULT;\n")
    return tmp_path


@pytest.fixture
def connection(dsn: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def a_room(folder: Path) -> Room:
    return Room("a", read("a", folder))


def lacking(connection: Connection[Any], folder: Path) -> list[str]:
    return [str(each) for each in missing(connection, [a_room(folder)])]


def test_first_halves_come_before_second_ones_and_each_is_made_once(
    dsn: str, connection: Connection[Any], folder: Path
) -> None:
    assert lacking(connection, folder) == ["a: 0001 things (pre)", "a: 0002 names (pre)", "a: 0002 names (post)"]
    told: list[str] = []
    made = migrate(dsn, [a_room(folder)], pre_only=True, progress=told.append)
    assert made == told == ["a 0001 pre (things)", "a 0002 pre (names)"]
    require(dsn, a_room(folder))
    assert lacking(connection, folder) == ["a: 0002 names (post)"]
    assert migrate(dsn, [a_room(folder)]) == ["a 0002 post (names)"]
    assert migrate(dsn, [a_room(folder)]) == lacking(connection, folder) == []
    assert connection.execute("SELECT id, name FROM things ORDER BY id").fetchall() == [(1, "%"), (2, "%")]
    noted = connection.execute("SELECT room, number, half, name FROM aetherius.migrations ORDER BY 1, 2, 3 DESC")
    assert noted.fetchall() == [("a", 1, "pre", "things"), ("a", 2, "pre", "names"), ("a", 2, "post", "names")]


def test_looking_changes_nothing(connection: Connection[Any], folder: Path) -> None:
    lacking(connection, folder)
    assert connection.execute("SELECT to_regnamespace('aetherius')").fetchone() == (None,)


def test_a_service_is_told_what_to_do(dsn: str, folder: Path) -> None:
    with pytest.raises(TablesMissingError, match=r"a: 0001 things \(pre\).*Run `aetherius migrate`"):
        require(dsn, a_room(folder))
    with pytest.raises(DatabaseUnavailableError):
        require(make_conninfo(dsn, port="1"), a_room(folder))


def test_what_a_newer_version_made_is_no_hindrance(dsn: str, folder: Path) -> None:
    migrate(dsn, [a_room(folder)])
    for newer in (FILLED, NARROWED):
        (folder / newer).unlink()
    require(dsn, a_room(folder))
    assert migrate(dsn, [a_room(folder)]) == []


def test_a_file_that_was_changed_after_it_was_applied_is_named(
    dsn: str, connection: Connection[Any], folder: Path
) -> None:
    migrate(dsn, [a_room(folder)], pre_only=True)
    with (folder / CREATED).open("a") as file:
        file.write("-- an afterthought\n")
    with pytest.raises(MigrationChangedError, match=r"a 0001 pre \(things\)"):
        migrate(dsn, [a_room(folder)])
    with pytest.raises(MigrationChangedError, match=r"a 0001 pre \(things\)"):
        lacking(connection, folder)


def test_a_migration_that_fails_leaves_nothing(dsn: str, connection: Connection[Any], folder: Path) -> None:
    (folder / FILLED).write_text("CREATE TABLE half (id int); SELECT 1 / 0;")
    with pytest.raises(MigrationFailedError, match=r"0002.*division by zero"):
        migrate(dsn, [a_room(folder)])
    assert connection.execute("SELECT to_regclass('half')").fetchone() == (None,)
    (folder / FILLED).write_text("CREATE TABLE half (id int);")
    (folder / NARROWED).unlink()
    assert migrate(dsn, [a_room(folder)]) == ["a 0002 pre (names)"]


def begun(dsn: str, folder: Path) -> subprocess.Popen[str]:
    words = [sys.executable, str(BY_HAND), dsn, str(folder)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_of_two_at_once_one_does_it_and_the_other_finds_it_done(dsn: str, folder: Path) -> None:
    (folder / FILLED).write_text((folder / FILLED).read_text() + "SELECT pg_sleep(0.3);")
    both = [begun(dsn, folder) for _ in range(2)]
    said = sorted(process.communicate(timeout=120) for process in both)
    assert said == [("", ""), ("a 0001 pre (things)\na 0002 pre (names)\na 0002 post (names)\n", "")]


def test_a_killed_one_is_gone_on_with(dsn: str, connection: Connection[Any], folder: Path) -> None:
    """The server notices the loss although it is busy, and frees the lock; what was committed stands."""
    change = (folder / FILLED).read_text()
    (folder / FILLED).write_text(change + "SELECT pg_sleep(300);")
    killed = begun(dsn, folder)
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    eventually(lambda: connection.execute(asleep).fetchone() == (1,), "the second migration")
    killed.kill()
    killed.communicate()
    assert lacking(connection, folder) == ["a: 0002 names (pre)", "a: 0002 names (post)"]
    (folder / FILLED).write_text(change)
    assert migrate(dsn, [a_room(folder)]) == ["a 0002 pre (names)", "a 0002 post (names)"]


def test_a_change_waits_for_its_table_and_keeps_nobody_waiting_for_long(
    dsn: str, connection: Connection[Any], folder: Path
) -> None:
    migrate(dsn, [a_room(folder)])
    (folder / "0003_place.pre.sql").write_text("ALTER TABLE things ADD COLUMN place text;")
    with psycopg.connect(dsn) as reader, ThreadPoolExecutor(1) as threads:
        reader.execute("SELECT * FROM things")  # and its transaction stays open
        with pytest.raises(MigrationBlockedError, match="0003"):
            migrate(dsn, [a_room(folder)], patience=0)
        migrating = threads.submit(migrate, dsn, [a_room(folder)])
        waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'things'::regclass AND NOT granted"
        eventually(lambda: connection.execute(waiting).fetchone() == (1,), "the change to wait")
        connection.execute("INSERT INTO things VALUES (3, 'three')")
        assert not migrating.done()
        reader.rollback()
        assert migrating.result(timeout=60) == ["a 0003 pre (place)"]


def test_what_cannot_be_in_a_transaction_runs_part_by_part_and_may_be_repeated(
    dsn: str, connection: Connection[Any], folder: Path
) -> None:
    migrate(dsn, [a_room(folder)])
    (folder / "0003_index.pre.sql").write_text(
        "-- outside a transaction\nDROP INDEX CONCURRENTLY IF EXISTS things_name;\n\n"
        "CREATE UNIQUE INDEX CONCURRENTLY things_name\n    ON things (name);\n"
    )
    with pytest.raises(MigrationFailedError, match=r"0003.*could not create unique index"):
        migrate(dsn, [a_room(folder)])
    connection.execute("UPDATE things SET name = id")
    assert migrate(dsn, [a_room(folder)]) == ["a 0003 pre (index)"]
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'things_name'::regclass"
    assert connection.execute(valid).fetchone() == (True,)


@pytest.mark.parametrize(("name", "rule"), [("3_x.pre.sql", "not named"), ("0002_other.pre.sql", "number of another")])
def test_a_file_that_stands_in_no_order_is_refused(folder: Path, name: str, rule: str) -> None:
    (folder / name).write_text("SELECT 1;")
    with pytest.raises(MigrationMalformedError, match=rule):
        a_room(folder)
