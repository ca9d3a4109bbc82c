"""Files and functions stay small enough to be read in one go."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from project_files import ROOT, python_files

LONGEST_FILE = 600
LONGEST_FUNCTION = 60


@pytest.mark.parametrize("file", python_files(), ids=str)
def test_a_file_and_its_functions_are_short(file: Path) -> None:
    text = (ROOT / file).read_text()
    assert text.count("\n") <= LONGEST_FILE, "a second noun moved in: split by noun"
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    assert [f"{node.name} (line {node.lineno})" for node in functions if _length(node) > LONGEST_FUNCTION] == []


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1
