"""Prose for people: lines that fit a screen, and no name of a file that does not exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from project_files import ROOT, project_files, python_files

LONGEST_LINE = 120
LONGEST_WORD = 80
"""A line with a longer word, as an address is, cannot be broken well."""
PAGES = [
    file
    for file in project_files()
    if file.suffix == ".md" and (len(file.parts) == 1 or file.parts[0] in ("docs", "bench"))
]
NAMED = re.compile(r"(?<![\w./<{*-])((?:[\w.-]+/)*[\w-]+[.](?:py|md|sql))(?![\w/])")
"""A name of a file of ours in a sentence."""
FILES = {"/" + file.as_posix() for file in project_files()}
MADE_UP = {
    "0003_what.pre.sql", "0003_what.post.sql",
}  # fmt: skip
"""Names that stand for many, or for one that is yet to be written."""


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """The lines of a page that are sentences: no code, no table, no heading."""
    fenced = indented = False
    before = ""
    for number, line in enumerate((ROOT / page).read_text().splitlines(), 1):
        fenced ^= line.lstrip().startswith("```")
        indented = line.startswith("    ") and (indented or not before.strip())
        before = line
        if not fenced and not indented and not re.match(r"\s*(```|[|]|#)", line):
            yield number, line


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_lines_fit(page: Path) -> None:
    long = [
        f"{page}:{number}: {len(line)}"
        for number, line in prose(page)
        if len(line) > LONGEST_LINE and max(map(len, line.split())) <= LONGEST_WORD
    ]
    assert long == []


def exists(name: str) -> bool:
    """Whether a file of the project has this name, or this end of a path."""
    return any(file.endswith("/" + name.removeprefix("./").replace("../", "")) for file in FILES)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_files_that_a_page_names_exist(page: Path) -> None:
    text = (ROOT / page).read_text()
    assert sorted({name for name in NAMED.findall(text) if name not in MADE_UP and not exists(name)}) == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / page).read_text())
    assert [link for link in links if not (ROOT / page.parent / link).exists()] == []


def docstrings(file: Path) -> Iterator[str]:
    """The docstrings of a file, those of its fields too, and its comments."""
    text = (ROOT / file).read_text()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value
    yield from (line.partition("# ")[2] for line in text.splitlines() if line.lstrip().startswith("# "))


def test_files_that_docstrings_name_exist() -> None:
    missing = {
        (str(file), name)
        for file in python_files()
        for text in docstrings(file)
        for name in NAMED.findall(text)
        if name not in MADE_UP and not exists(name)
    }
    assert sorted(missing) == []
