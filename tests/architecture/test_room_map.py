"""The table of rooms in docs/architecture.md says what the code and import-linter's layers say."""

from __future__ import annotations

import ast
import re
import tomllib

from project_files import ROOMS, ROOT, python_files

LINE = re.compile(r"\| `(\w+)/` \| (.+) \| (.*) \|")
TABLE = {
    found[1]: set(re.findall(r"`(\w+)`", found[3]))
    for line in (ROOT / "docs" / "architecture.md").read_text().splitlines()
    if (found := LINE.fullmatch(line))
}
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
LAYERS = [
    [room.strip() for room in layer.split("|")]
    for contract in LINTER["contracts"]
    if contract["type"] == "layers"
    for layer in contract["layers"]
]


def imported(room: str) -> set[str]:
    """The rooms that a room's code names in its imports."""
    found = set()
    for file in python_files():
        if file.parts[0] != room:
            continue
        for node in ast.walk(ast.parse((ROOT / file).read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            found |= {name.split(".")[1] for name in names if name.startswith("aetherius.")}
    return found - {room}


def test_each_room_stands_in_the_table_and_in_a_layer() -> None:
    assert sorted(TABLE) == ROOMS
    assert sorted(room for layer in LAYERS for room in layer) == ROOMS


def test_the_table_names_the_rooms_that_each_imports() -> None:
    assert {room: imported(room) for room in ROOMS} == TABLE


def test_arrows_go_down_the_layers() -> None:
    height = {room: at for at, layer in enumerate(reversed(LAYERS)) for room in layer}
    assert [(room, other) for room, others in TABLE.items() for other in others if height[other] >= height[room]] == []
