"""`aetherius subscriptions` on a real log, with deliveries that were given up."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from aetherius.cli.main import app
from aetherius.cli.tables import create_tables
from aetherius.event_store.log import Log
from aetherius.readers.deliveries import Deliveries
from event_builders import a_gap


@pytest.fixture
def site(dsn: str) -> str:
    """A subscription that has put four events, and given up the first of two keys."""
    create_tables(dsn)
    with Log(dsn) as log, Deliveries(dsn) as deliveries:
        log.append([a_gap("berlin") for _ in range(5)])
        deliveries.register("webhooks")
        rows = [("a", 1), ("a", 2), ("b", 3), ("b", 4)]
        log.transact("webhooks", 4, rows=lambda cursor: deliveries.put(cursor, "webhooks", rows))
        for claim in deliveries.claim("webhooks", keys=9, events=9, lease=60.0):
            deliveries.park("webhooks", claim, 0, f"HTTP 500 of {uuid4()}", attempts=15)
    return dsn


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["subscriptions", *words], env={"COLUMNS": "300"})


def test_programs_get_json(site: str) -> None:
    (row,) = json.loads(run("list", "--dsn", site, "-o", "json").stdout)
    assert row == {
        "subscription": "webhooks",
        "position": 4,
        "lag": 1,
        "waiting": 4,
        "retrying": 0,
        "parked": 2,
        "oldest": 1,
    }
    first, second = json.loads(run("parked", "--dsn", site, "-o", "json").stdout)
    assert (first["position"], first["key"], first["type"], first["behind"]) == (1, "a", "Agent.GapDetected", 1)
    assert (second["position"], second["attempts"]) == (3, 15)
    assert second["error"].startswith("HTTP 500")


def test_people_get_tables(site: str) -> None:
    assert "webhooks" in run("list", "--dsn", site).stdout
    assert "Agent.GapDetected" in run("parked", "webhooks", "--dsn", site).stdout


def test_parked_events_are_tried_again_one_by_one_or_all(site: str) -> None:
    one = run("retry", "webhooks", "1", "2", "--dsn", site, "-o", "json")
    assert one.exit_code == 1
    assert [row["result"] for row in json.loads(one.stdout)] == [
        "retried",
        "webhooks: nothing is parked at position 2",
    ]
    rest = run("retry", "--all", "--dsn", site, "-o", "json")
    assert (rest.exit_code, [row["position"] for row in json.loads(rest.stdout)]) == (0, [3])
    with Deliveries(site) as deliveries:
        claims = deliveries.claim("webhooks", keys=9, events=9, lease=60.0)
    assert sorted((claim.key, claim.attempt, claim.positions) for claim in claims) == [
        ("a", 1, [1, 2]),
        ("b", 1, [3, 4]),
    ]


def test_a_dropped_event_is_kept_with_the_reason_and_the_next_goes_on(site: str) -> None:
    assert run("drop", "webhooks", "1", "--dsn", site).exit_code == 2
    assert run("drop", "webhooks", "1", "--reason", "receiver is gone", "--dsn", site).exit_code == 0
    (gone,) = json.loads(run("parked", "--dropped", "--dsn", site, "-o", "json").stdout)
    assert (gone["position"], gone["reason"]) == (1, "receiver is gone")
    with Deliveries(site) as deliveries:
        (claim,) = deliveries.claim("webhooks", keys=9, events=9, lease=60.0)
    assert (claim.key, claim.positions) == ("a", [2])


def test_what_is_meant_must_be_said(site: str) -> None:
    for words in ([], ["webhooks"], ["webhooks", "1", "--all"]):
        assert run("retry", *words, "--dsn", site).exit_code == 2


def test_a_database_without_a_log_is_told(dsn: str) -> None:
    result = run("list", "--dsn", dsn)
    assert result.exit_code == 75
    assert "tables are missing" in result.stderr
