"""`aetherius keys` as an operator uses it, and what services say without keys."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aetherius.cli.main import app
from aetherius.runtime.state_keys import read_keys

NEEDED = {
    "AETHERIUS_POSTGRES_DSN": "host=nowhere",
    "AETHERIUS_NATS_URL": "nats://nowhere:1",
    "AETHERIUS_SIGNING_KEY_FILE": "/nowhere/key.pem",
    "AETHERIUS_TOKENS_FILE": "/nowhere/tokens.json",
}


def test_keys_are_made_listed_and_used_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    said = [
        CliRunner().invoke(app, ["keys", *words, "--file", str(file)])
        for words in (["new"], ["new", "--later"], ["list"])
    ]
    first, later = read_keys(file, "")
    said += [CliRunner().invoke(app, ["keys", *words, "--file", str(file)]) for words in (["use", later], ["list"])]
    assert [each.exit_code for each in said] == [0] * 5
    assert f"{first}  seals and opens" in said[2].output
    assert f"{later}  seals and opens" in said[4].output
    assert not any(key in each.output for each in said for key in read_keys(file, "").values())
    assert CliRunner().invoke(app, ["keys", "use", "none", "--file", str(file)]).exit_code == 2


@pytest.mark.parametrize("room", ["agent_manager", "orchestrator", "api"])
def test_a_service_that_stores_or_shows_secrets_names_the_setting_it_lacks(room: str) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "src", **NEEDED}
    words = [sys.executable, "-m", "aetherius.cli.main", "serve", room]
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 2
    assert ended.stderr.startswith("AETHERIUS_STATE_KEYS_FILE is not set")
    assert len(ended.stderr.splitlines()) == 1


def test_the_api_answers_to_its_old_name_and_says_so() -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "src", **NEEDED}
    words = [sys.executable, "-m", "aetherius.cli.main", "serve", "graphql"]
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.stderr.splitlines()[0].startswith("`serve graphql` is called `serve api` now")
    assert ended.stderr.splitlines()[1].startswith("AETHERIUS_STATE_KEYS_FILE is not set")
