"""`aetherius freeze` and `aetherius repairs` on a real log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aetherius.cli.main import app
from aetherius.domain.cluster import Cluster, Repairs
from aetherius.domain.event import Cause
from aetherius.domain.freeze import Freeze, Scope, freeze_stream
from aetherius.domain.identity import cluster_stream
from aetherius.event_store import schema
from aetherius.event_store.log import Log


@pytest.fixture
def log_dsn(dsn: str) -> str:
    schema.create(dsn)
    cluster = Cluster(cluster_stream("north"))
    cluster.join("north", "1.36", datetime.now(UTC))
    with Log(dsn) as log:
        log.save(cluster, Cause(actor="agent:north"))
    return dsn


def told(dsn: str, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--dsn", dsn])


def listed(dsn: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(told(dsn, "freeze", "list", "-o", "json").stdout)
    return rows


def test_a_freeze_is_set_shown_and_lifted(log_dsn: str) -> None:
    made = told(log_dsn, "freeze", "set", "--cluster", "north", "-n", "shop", "--for", "2h", "--reason", "release")
    assert made.exit_code == 0, made.output
    assert made.stdout.startswith("cluster north, namespace shop is frozen until 2")
    assert told(log_dsn, "freeze", "set", "--reason", "stop everything").exit_code == 0
    everything, shop = sorted(listed(log_dsn), key=lambda row: row["cluster"])
    assert (everything["cluster"], everything["until"], everything["reason"]) == ("", None, "stop everything")
    assert (shop["namespace"], shop["reason"]) == ("shop", "release")
    assert told(log_dsn, "freeze", "lift").exit_code == 0
    assert [row["cluster"] for row in listed(log_dsn)] == ["north"]
    with Log(log_dsn) as log:
        (said, _) = log.stream(freeze_stream(Scope()))
        assert said.cause.actor.startswith("cli:")
        assert log.load(Freeze, freeze_stream(Scope(cluster_id="north", namespace="shop"))).present is not None


def test_what_is_not_frozen_cannot_be_lifted(log_dsn: str) -> None:
    refused = told(log_dsn, "freeze", "lift", "--cluster", "north")
    assert refused.exit_code == 2
    assert "not set" in refused.stderr
    assert told(log_dsn, "freeze", "list").stdout == "nothing is frozen\n"


@pytest.mark.parametrize("lasts", ["soon", "-1h", "0s"])
def test_a_time_that_is_none_is_refused(log_dsn: str, lasts: str) -> None:
    refused = told(log_dsn, "freeze", "set", "--for", lasts, "--reason", "release")
    assert refused.exit_code == 2
    assert listed(log_dsn) == []


def test_a_new_cluster_is_not_changed_before_somebody_says_so(log_dsn: str) -> None:
    def repairs() -> Repairs:
        with Log(log_dsn) as log:
            return log.load(Cluster, cluster_stream("north")).repairs

    assert repairs() is Repairs.DRY_RUN
    assert told(log_dsn, "repairs", "on", "north").exit_code == 0
    assert repairs() is Repairs.ON
    assert told(log_dsn, "repairs", "dry-run", "north", "--reason", "audit").exit_code == 0
    assert repairs() is Repairs.DRY_RUN


def test_a_cluster_that_nobody_registered_is_named(log_dsn: str) -> None:
    refused = told(log_dsn, "repairs", "on", "elsewhere")
    assert refused.exit_code == 2
    assert "Cluster" in refused.stderr
