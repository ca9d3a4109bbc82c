"""Where readers stand, asked from outside."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from aetherius.cli.main import app
from aetherius.event_store.log import Log
from aetherius.projections import schema as read_models
from event_builders import a_gap


def test_a_checkpoint_of_which_nobody_ever_told_is_listed_with_what_is_known(dsn: str, log: Log) -> None:
    read_models.create(dsn)
    log.append([a_gap("berlin"), a_gap("oslo")])
    log.transact("lonely", 1)
    result = CliRunner().invoke(app, ["projections", "list", "--dsn", dsn, "-o", "json"])
    assert result.exit_code == 0, result.output
    (shown,) = [each for each in json.loads(result.stdout) if each["name"] == "lonely"]
    assert (shown["position"], shown["lag"], shown["status"], shown["error"]) == (1, 1, "unknown", "")
