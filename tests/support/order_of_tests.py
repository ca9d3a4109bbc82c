"""In which order tests run, and which of them stay together on one worker.

By hand, quick tests come first: whoever broke something hears of it soon. Side by side (`pytest -n 4 --dist loadgroup --no-loadscope-reorder`) the slow groups
begin first, and the quick tests fill what is left. What needs a server that is still being built comes last. `--shuffle SEED` runs files, and tests in each file,
in another order: no test may depend on what another left behind.

A group runs on one worker, in turn: acceptance, because installations are for a machine that does little else; the tests on one expensive server; and the files
that say so by a mark of their own, because they share something expensive.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

from built_servers import needed_by

_QUICK_FIRST: Final = ("architecture", "unit", "contracts", "integration", "acceptance")
_GROUPS_FIRST: Final = ("acceptance", "kubernetes", "elasticsearch")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", metavar="SEED", type=int, help="run files, and the tests in each, in another order")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        _join_a_group(item)
    seed = config.getoption("shuffle")
    if seed is not None:
        items[:] = _shuffled(items, random.Random(seed))
    side_by_side = hasattr(config, "workerinput")
    items.sort(key=_rank_side_by_side if side_by_side else _rank_by_hand)


def _join_a_group(item: pytest.Item) -> None:
    if item.get_closest_marker("xdist_group"):
        return
    names = [_folder(item)] if _folder(item) == "acceptance" else [server.name for server in needed_by(item)]
    if names:
        item.add_marker(pytest.mark.xdist_group(names[0]))


def _rank_side_by_side(item: pytest.Item) -> tuple[bool, int, int]:
    group = item.get_closest_marker("xdist_group")
    name = str(group.args[0]) if group else ""
    first = _GROUPS_FIRST.index(name) if name in _GROUPS_FIRST else len(_GROUPS_FIRST) + (group is None)
    return _is_late(item), first, -_QUICK_FIRST.index(_folder(item))


def _rank_by_hand(item: pytest.Item) -> tuple[bool, int]:
    return _is_late(item), _QUICK_FIRST.index(_folder(item))


def _is_late(item: pytest.Item) -> bool:
    return any(server.late for server in needed_by(item))


def _folder(item: pytest.Item) -> str:
    """The folder of tests/ that it lies in."""
    return item.path.relative_to(Path(__file__).parents[1]).parts[0]


def _shuffled(items: Iterable[pytest.Item], dice: random.Random) -> list[pytest.Item]:
    files: dict[Path, list[pytest.Item]] = defaultdict(list)
    for item in items:
        files[item.path].append(item)
    order = list(files.values())
    dice.shuffle(order)
    for file in order:
        dice.shuffle(file)
    return [item for file in order for item in file]
