"""In which order tests run, and which of them stay together on one worker.

By hand, quick tests come first: whoever broke something hears of it soon. Side by side (`pytest -n 4`) the slow groups begin first, and the quick tests fill what
is left. What needs a server that is still being built comes last. `--shuffle SEED` runs files, and tests in each file, in another order: no test may depend on what
another left behind.

A group runs on one worker, in turn: acceptance, because installations are for a machine that does little else, and the tests that share an expensive server. Groups
are told by names and places of tests alone: the process that hands tests out knows nothing else of them. (Its own groups, by marks, want an older pytest.)
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

from built_servers import needed_by

_QUICK_FIRST: Final = ("architecture", "unit", "safety", "contracts", "integration", "acceptance", "game_days")
_GROUPS: Final = {
    "tests/acceptance/": "acceptance",
    "tests/game_days/": "acceptance",
    "tests/contracts/search/": "elasticsearch",
    "tests/integration/projections/test_search_": "elasticsearch",
    "tests/integration/event_store/test_archive_killed.py": "killed archivers",
}
"""Where tests lie, and their group."""
_ON_A_CONTROL_PLANE: Final = "real_cluster"
"""The parameter of tests that run on a real one too."""


def group_of(nodeid: str) -> str:
    """Its group; a test without one is a group of its own."""
    for place, group in _GROUPS.items():
        if nodeid.startswith(place):
            return group
    return "kubernetes" if _ON_A_CONTROL_PLANE in nodeid else nodeid


class Groups(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out group by group, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    config.option.loadscopereorder = False
    return Groups(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", metavar="SEED", type=int, help="run files, and the tests in each, in another order")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed = config.getoption("shuffle")
    if seed is not None:
        items[:] = _shuffled(items, random.Random(seed))
    side_by_side = hasattr(config, "workerinput")
    items.sort(key=_rank_side_by_side if side_by_side else _rank_by_hand)


def _rank_side_by_side(item: pytest.Item) -> tuple[bool, bool, int]:
    alone = group_of(item.nodeid) == item.nodeid
    return _is_late(item), alone, -_QUICK_FIRST.index(_folder(item))


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
