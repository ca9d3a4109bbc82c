"""Files and functions stay small enough to be read in one go, and errors are caught where somebody can act."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from project_files import ROOMS, ROOT, python_files

LONGEST_FILE: Final = 400
LONGEST_FUNCTION: Final = 60
MEDIAN: Final = 6
NINE_IN_TEN: Final = 20
"""Lines of a function."""
BROAD_EXCEPTS: Final = 7
"""At a task's edge: a thread's, a process's, a reader's, an effect's, a queue's. Elsewhere name what can be raised."""


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    nodes = ast.walk(ast.parse((ROOT / file).read_text()))
    return (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("file", python_files(), ids=str)
def test_a_file_and_its_functions_are_short(file: Path) -> None:
    lines = (ROOT / file).read_text().count("\n")
    assert lines <= LONGEST_FILE, "a second noun moved in: split by noun"
    assert [f"{node.name} (line {node.lineno})" for node in functions(file) if length(node) > LONGEST_FUNCTION] == []


def test_most_functions_are_short() -> None:
    lengths = sorted(length(node) for file in python_files() for node in functions(file))
    assert statistics.median(lengths) <= MEDIAN
    assert lengths[len(lengths) * 9 // 10] <= NINE_IN_TEN


def test_broad_excepts_do_not_become_more() -> None:
    """Ruff refuses every other one."""
    code = [file for file in python_files() if file.parts[0] in ROOMS]
    found = [f"{file}:{n}" for file in code for n, line in enumerate(_lines(file), 1) if "noqa: BLE001" in line]
    assert len(found) <= BROAD_EXCEPTS, found


def _lines(file: Path) -> list[str]:
    return (ROOT / file).read_text().splitlines()
