"""docs/features.md is true as far as a test can tell: each part of the design once, nothing that does not exist, nothing done without a test."""

from __future__ import annotations

import re
from collections import Counter

from project_files import ROOT

COUNTS = {"E": 7, "M": 9, "O": 7, "R": 7, "X": 8, "C": 6}
"""How many parts each chapter of the design has."""
STANDS = {"done", "partly", "not yet"}
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "features.md").read_text().splitlines()
    if re.match(r"\| [A-Z]\d+ \|", line)
]


def paths(cell: str) -> list[str]:
    """What a cell names between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def test_each_part_stands_there_once() -> None:
    wanted = [f"{chapter}{number}" for chapter, count in COUNTS.items() for number in range(1, count + 1)]
    assert Counter(row[0] for row in ROWS) == Counter(wanted)


def test_every_part_says_where_it_stands() -> None:
    assert {row[0]: row[2] for row in ROWS if row[2] not in STANDS or not row[1]} == {}


def test_every_path_exists() -> None:
    assert [(row[0], path) for row in ROWS for path in paths(row[3]) if not (ROOT / path).exists()] == []


def test_nothing_is_done_without_a_test() -> None:
    done = {row[0]: paths(row[3]) for row in ROWS if row[2] == "done"}
    shown = {
        part: [path for path in named if re.fullmatch(r"tests/.*/test_\w+[.]py", path)] for part, named in done.items()
    }
    assert done
    assert [part for part, tests in shown.items() if not tests] == []


def test_what_is_partly_there_says_what_is_missing_or_where_it_is() -> None:
    assert [row[0] for row in ROWS if row[2] == "partly" and not paths(row[3])] == []
