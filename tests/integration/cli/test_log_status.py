"""`aetherius log status` on a real log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent
from typer.testing import CliRunner

from aetherius.cli.main import app
from aetherius.domain.wire.identity import observation_id
from aetherius.event_store import schema
from aetherius.event_store.log import Log


@pytest.fixture
def dsn_of_a_log(dsn: str) -> str:
    schema.create(dsn)
    with Log(dsn) as log:
        id = UUID(observation_id("c1", datetime.now(UTC)))
        log.ingest([StoredEvent(id, 1, "ClusterEvent.Reported.v1", b"{}")])
        log.transact("reader", 1)
    return dsn


def test_programs_get_json(dsn_of_a_log: str) -> None:
    result = CliRunner().invoke(app, ["log", "status", "--dsn", dsn_of_a_log, "-o", "json"])
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["head"] == document["last_minute"] == 1
    assert document["readers"] == [{"name": "reader", "position": 1, "lag": 0}]
    assert len(document["partitions"]) == 5
    assert document["size"] > document["observed_size"] > 0


def test_people_get_tables(dsn_of_a_log: str) -> None:
    result = CliRunner().invoke(app, ["log", "status", "--dsn", dsn_of_a_log], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    for word in ("events/s", "archived before", "observed_20", "reader"):
        assert word in result.stdout


def test_a_database_without_a_log_is_told(dsn: str) -> None:
    result = CliRunner().invoke(app, ["log", "status", "--dsn", dsn])
    assert result.exit_code == 1
    assert "no log" in result.stderr
