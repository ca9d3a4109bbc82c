"""The folder layout holds: one link per room, no library shadowed, every room packed."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import graphql

ROOT = Path(__file__).parents[2]
LINKS = {link.name: link for link in (ROOT / "src" / "aetherius").iterdir()}


def test_every_link_is_a_room_of_the_same_name() -> None:
    assert all(link.is_symlink() for link in LINKS.values())
    assert {name: link.resolve() for name, link in LINKS.items()} == {name: ROOT / name for name in LINKS}


def test_no_room_has_an_init_file_at_its_root() -> None:
    assert [room for room in LINKS if (ROOT / room / "__init__.py").exists()] == []


def test_the_source_distribution_holds_every_room() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert build["targets"]["sdist"]["force-include"] == {name: f"src/aetherius/{name}" for name in LINKS}


def test_graphql_still_means_graphql_core() -> None:
    assert hasattr(graphql, "GraphQLSchema")


def test_the_wire_messages_load_without_the_servers_libraries() -> None:
    """An edge image has none of them; and packages below a room do not re-export."""
    heavy = ["eventsourcing", "psycopg", "fastapi", "strawberry", "pydantic", "kubernetes"]
    program = f"""
import sys, pkgutil, importlib, aetherius.domain.wire as wire
for module in pkgutil.iter_modules(wire.__path__):
    importlib.import_module(f"aetherius.domain.wire.{{module.name}}")
print([name for name in {heavy} if name in sys.modules])
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
