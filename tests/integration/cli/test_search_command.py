"""`aetherius search` and `aetherius search-index`, as an operator uses them."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from aetherius.cli.main import app
from aetherius.cli.tables import create_tables
from aetherius.event_store.log import Log
from log_history import History
from sealed_state import KEYS_TEXT, SEALING
from search_site import SearchSite


@pytest.fixture
def site(dsn: str) -> SearchSite:
    create_tables(dsn)
    with Log(dsn, sealing=SEALING) as log:
        history = History(log, 1)
        history.report("berlin")
        history.report("oslo")
        history.go_on(40)
        site = SearchSite(dsn, log)
        with site.indexing():
            site.until_caught_up()
        return site


def test_what_is_there_is_found_verified_and_built_again(
    site: SearchSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AETHERIUS_POSTGRES_DSN", site.dsn)
    monkeypatch.setenv("AETHERIUS_STATE_KEYS", KEYS_TEXT)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, [*words, "--data", str(tmp_path)])

    asked = ("search", "killed 1th", "--since", "2026-11-23T00:00:00Z", "--where", "cluster_id=berlin")
    found = json.loads(run(*asked, "-o", "json").stdout)
    assert {each["cluster_id"] for each in found} == {"berlin"}
    assert "killed" in run(*asked).stdout
    assert run("search", "?!").exit_code == 2
    assert run("search", "x", "--since", "yesterday").exit_code == 2
    [verified] = json.loads(run("search-index", "verify", "-o", "json").stdout)
    assert (verified["differing"], verified["parked"]) == (0, 0)
    rebuilt = run("search-index", "rebuild", "-o", "json")
    assert json.loads(rebuilt.stdout) == [{"position": verified["position"]}]
    assert json.loads(run(*asked, "-o", "json").stdout) == found
    assert json.loads(run("search-index", "parked", "-o", "json").stdout) == []
    assert run("search-index", "retry").exit_code == 0


def test_it_is_verified_and_rebuilt_with_the_read_models(
    site: SearchSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AETHERIUS_POSTGRES_DSN", site.dsn)
    monkeypatch.setenv("AETHERIUS_STATE_KEYS", KEYS_TEXT)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["projections", *words, "--data", str(tmp_path), "-o", "json"])

    assert run("rebuild", "--all").exit_code == 0
    sound = run("verify")
    assert sound.exit_code == 0
    assert {each["name"]: each["differing"] for each in json.loads(sound.stdout)}.items() >= {
        ("search", 0),
        ("events", 0),
    }
    with psycopg.connect(site.dsn, autocommit=True) as connection:
        [[table]] = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE tablename ~ '^search_g[0-9]+$'"
        ).fetchall()
        connection.execute(f"DELETE FROM {table} WHERE id = (SELECT min(id) FROM {table})")
    damaged = run("verify")
    assert damaged.exit_code == 1
    assert [each["name"] for each in json.loads(damaged.stdout) if each["differing"]] == ["search"]
    assert run("verify", "search").exit_code == 1
    assert run("rebuild", "search").exit_code == 0
    assert run("verify").exit_code == 0
