"""`aetherius archive` on a real log: what an operator does with old observations."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aetherius.cli.main import app
from aetherius.event_store import schema
from aetherius.event_store.archive.reading import ARCHIVED
from aetherius.event_store.log import Log
from archive_site import everything, fill

RETAIN = "30"


@pytest.fixture
def dsn_of_a_log(dsn: str) -> str:
    schema.create(dsn)
    ARCHIVED.forget()
    with Log(dsn) as log:
        fill(log, weeks=3, each=20)
    return dsn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "archive"
    path.mkdir()
    return path


def invoke(dsn: str, *words: str) -> Result:
    return CliRunner().invoke(app, ["archive", *words, "--dsn", dsn], env={"COLUMNS": "300"})


def archived(dsn: str, folder: Path) -> list[dict[str, object]]:
    done = invoke(dsn, "run", "--to", folder.as_uri(), "--retain", RETAIN, "-o", "json")
    assert done.exit_code == 0, done.output
    rows: list[dict[str, object]] = json.loads(done.stdout)
    return rows


def test_old_partitions_are_archived_listed_and_checked(dsn_of_a_log: str, folder: Path) -> None:
    rows = archived(dsn_of_a_log, folder)
    assert len(rows) >= 3
    assert sum(int(str(row["events"])) for row in rows) == 60
    assert {path.name for path in folder.iterdir()} == {str(row[key]) for row in rows for key in ("file", "proofs")}

    listed = invoke(dsn_of_a_log, "list", "-o", "json")
    assert [row["partition"] for row in json.loads(listed.stdout)] == [row["partition"] for row in rows]
    status = CliRunner().invoke(app, ["log", "status", "--dsn", dsn_of_a_log, "-o", "json"])
    told = json.loads(status.stdout)
    assert (told["archived_partitions"], told["archived_events"]) == (len(rows), 60)
    assert told["archived_size"] == sum(path.stat().st_size for path in folder.iterdir())
    checked = invoke(dsn_of_a_log, "verify")
    assert checked.exit_code == 0
    assert "each as it was recorded" in checked.stdout
    with Log(dsn_of_a_log) as log:
        assert len(everything(log)) == log.head()


def test_one_is_restored_and_released(dsn_of_a_log: str, folder: Path) -> None:
    name = str(archived(dsn_of_a_log, folder)[0]["partition"])
    assert invoke(dsn_of_a_log, "restore", name).exit_code == 0
    assert json.loads(invoke(dsn_of_a_log, "list", "-o", "json").stdout)[0]["restored"] is True
    assert invoke(dsn_of_a_log, "release", name).exit_code == 0
    assert json.loads(invoke(dsn_of_a_log, "list", "-o", "json").stdout)[0]["restored"] is False


def test_files_that_were_moved_are_looked_for_first(dsn_of_a_log: str, folder: Path, tmp_path: Path) -> None:
    archived(dsn_of_a_log, folder)
    new = tmp_path / "new"
    new.mkdir()
    missing = invoke(dsn_of_a_log, "moved", folder.as_uri(), new.as_uri())
    assert missing.exit_code == 75
    assert "observed_" in missing.stderr
    for path in folder.iterdir():
        shutil.copy(path, new)
    assert invoke(dsn_of_a_log, "moved", folder.as_uri(), new.as_uri()).exit_code == 0
    shutil.rmtree(folder)
    ARCHIVED.forget()
    with Log(dsn_of_a_log) as log:
        assert len(everything(log)) == log.head()


def test_a_damaged_file_ends_with_1_and_its_name(dsn_of_a_log: str, folder: Path) -> None:
    file = folder / str(archived(dsn_of_a_log, folder)[0]["file"])
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    result = invoke(dsn_of_a_log, "verify")
    assert result.exit_code == 1
    assert file.name in result.stderr


def test_too_short_a_retention_is_refused(dsn_of_a_log: str, folder: Path) -> None:
    result = invoke(dsn_of_a_log, "run", "--to", folder.as_uri(), "--retain", "7")
    assert result.exit_code == 1
    assert "7 days is less than the 14 days" in result.stderr


def test_what_is_not_archived_cannot_be_restored(dsn_of_a_log: str) -> None:
    result = invoke(dsn_of_a_log, "restore", "observed_19990101")
    assert result.exit_code == 1
    assert "not archived" in result.stderr
