"""Which game days a run plays, and the table of what came of them: printed at the end, and written into docs/safety.md when asked to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from game_day import Row

ROWS: Final = pytest.StashKey[list[Row]]()
PAGE: Final = Path(__file__).parents[2] / "docs" / "safety.md"
_BEGIN, _END = "<!-- game days: begin -->", "<!-- game days: end -->"
_HEAD: Final = (
    "| what happens | looks like | would do harm | refuted by | said | did | s |\n|---|---|---|---|---|---|---|\n"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--game-days", action="store_true", help="play all game days, not only the short ones")
    parser.addoption("--write-game-days", action="store_true", help="write their table into docs/safety.md")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("game_days"):
        return
    long = [item for item in items if (mark := item.get_closest_marker("game_day")) and not mark.kwargs["short"]]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash[ROWS]
    if not rows:
        return
    table = rendered(rows)
    terminalreporter.section("game days")
    terminalreporter.write_line(table)
    if config.getoption("write_game_days"):
        PAGE.write_text(written(PAGE.read_text(), table))


def rendered(rows: list[Row]) -> str:
    """The table, in Markdown."""
    return _HEAD + "".join(_line(row) for row in rows)


def written(page: str, table: str) -> str:
    """The page with this table between its marks."""
    between = re.compile(re.escape(_BEGIN) + ".*" + re.escape(_END), re.DOTALL)
    assert between.search(page), "the page has no place for the table"
    return between.sub(lambda _: f"{_BEGIN}\n{table}{_END}", page)


def _line(row: Row) -> str:
    scenario = row.scenario
    title = f"[{scenario.title}]({scenario.source})" if scenario.source.startswith("https://") else scenario.title
    did = f"{row.did}. **Open**: {scenario.open}" if scenario.open else row.did
    cells = (title, scenario.decoy, scenario.harm, scenario.refuted_by, row.said, did, row.seconds)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"
