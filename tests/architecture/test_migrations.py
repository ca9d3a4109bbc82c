"""Every room's migrations are numbered, stand in the command's list, and are packed with the code."""

from __future__ import annotations

from aetherius.cli.tables import rooms
from project_files import ROOT, project_files

MIGRATIONS = [file for file in project_files() if file.parent.name == "migrations" and file.suffix == ".sql"]


def test_every_room_with_migrations_is_migrated() -> None:
    assert {file.parts[0] for file in MIGRATIONS} == {room.name for room in rooms()}


def test_every_file_is_read_and_numbers_have_no_gaps() -> None:
    assert sum(len(room.migrations) for room in rooms()) == len(MIGRATIONS)
    for room in rooms():
        numbers = sorted({migration.number for migration in room.migrations})
        assert numbers == list(range(1, len(numbers) + 1)), room.name


def test_tables_are_made_nowhere_else() -> None:
    """But for what is declared, or made beside: partitions, read models, generations of the search index; and the note of migrations itself."""
    made = {
        str(file)
        for file in project_files()
        if file.suffix == ".sql" and "migrations" not in file.parts
        if "CREATE TABLE" in (ROOT / file).read_text()
    }
    assert made == {
        "event_store/sql/partition_table.sql",
        "projections/sql/intervals_table.sql",
        "projections/sql/search_table.sql",
        "projections/sql/table.sql",
        "runtime/sql/migrations_create.sql",
    }
