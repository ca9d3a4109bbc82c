"""Every case of the folder, through the same code as `aetherius case run`: a case is added by its two files."""

from __future__ import annotations

import msgspec
import pytest

from aetherius.cli.case.lines import read_lines
from aetherius.cli.case.play import play
from aetherius.domain.wire.command import parse_duration
from case_files import FOLDER, differences, expected, names


@pytest.mark.parametrize("name", names())
def test_what_comes_of_a_case(name: str) -> None:
    wanted = expected(name)
    lines = read_lines((FOLDER / f"{name}.jsonl").read_bytes().splitlines())
    outcome = msgspec.to_builtins(play(lines, parse_duration(wanted.quiet)))
    assert outcome["refused"] == []
    assert differences(wanted, outcome) == [], wanted.about


def test_each_case_says_what_must_come_of_it() -> None:
    assert {path.name.removesuffix(".expected.yaml") for path in FOLDER.glob("*.yaml")} == set(names())
