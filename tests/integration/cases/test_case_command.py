"""`aetherius case run`: what it prints, and how it says that a file is no case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aetherius.cli.main import app
from case_files import FOLDER

POD = '{"kind": "Pod", "metadata": {"name": "web"}}'


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["case", "run", *args])
    return result.exit_code, result.output


def test_what_came_of_a_case_is_printed_for_programs() -> None:
    code, printed = run(str(FOLDER / "oom-at-the-limit.jsonl"), "--json", "--quiet", "10m")
    outcome = json.loads(printed)
    assert code == 0
    assert outcome["incidents"][0]["name"] == "web"
    assert outcome["diagnoses"][0]["root_cause"] == "OOM"
    assert outcome["proposals"][0]["approval"] == "policy"


def test_and_for_people() -> None:
    code, printed = run(str(FOLDER / "never-exit-1.jsonl"), "--quiet", "1m")
    assert code == 0
    assert "incidents: 1" in printed
    assert "symptom=run_failure" in printed


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "line 2: line: is not JSON"),
        ("[1]", "line 2: line: is not an object"),
        (f'{{"type": "ADDED", "object": {POD}}}', "line 2: now: is not a time"),
        (f'{{"now": "2026-11-24T03:00:00", "type": "ADDED", "object": {POD}}}', "line 2: now: has no time zone"),
        (f'{{"now": "2026-11-24T03:00:00Z", "type": "GONE", "object": {POD}}}', "line 2: type: 'GONE' is not one of"),
        ('{"now": "2026-11-24T03:00:00Z", "type": "ADDED", "object": 5}', "line 2: object: is not an object"),
        ('{"now": "2026-11-24T03:00:00Z", "type": "ADDED", "object": {}}', "line 2: object.kind: is missing"),
        (
            '{"now": "2026-11-24T03:00:00Z", "type": "ADDED", "object": {"kind": "Pod", "metadata": {}}}',
            "line 2: object.metadata.name: is missing",
        ),
        (
            '{"now": "2026-11-24T03:00:00Z", "type": "ADDED", "object": {"kind": "Pod", "metadata": {"name": "x"}, "spec": 5}}',
            "line 2: object.spec: Expected",
        ),
        (f'{{"now": "2026-11-24T03:00:00Z", "type": "ADDED", "object": {POD}, "x": 1}}', "line 2: x: is no field"),
    ],
)
def test_a_line_that_breaks_a_rule_is_named(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "case.jsonl"
    file.write_text(f"\n{line}\n")
    code, printed = run(str(file))
    assert code == 2
    assert said in printed.replace("\n", " ")


@pytest.mark.parametrize("args", [("absent.jsonl",), ("--quiet", "soon")])
def test_what_cannot_be_run_is_told(tmp_path: Path, args: tuple[str, ...]) -> None:
    file = tmp_path / "empty.jsonl"
    file.write_text("")
    assert run(str(file), *args)[0] == 2
