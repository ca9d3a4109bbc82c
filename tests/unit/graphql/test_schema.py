"""The schema is what its definition in the documentation says: clients are built against that."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from graphql import build_schema, find_breaking_changes, parse, validate

from aetherius.graphql.schema import sdl

DOCS = Path(__file__).parents[3] / "docs"
SDL = DOCS / "schema.graphql"
EXAMPLES = re.findall(r"```graphql\n(.*?)```", (DOCS / "graphql.md").read_text(encoding="utf-8"), re.DOTALL)
RELEASED = DOCS / "schema.released.graphql"
REMEDY = "make schemas"


def test_the_schema_is_as_documented() -> None:
    assert SDL.read_text(encoding="utf-8") == sdl(), f"the schema changed; if that is wanted: {REMEDY}"


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_the_documentation_asks_can_be_asked(example: str) -> None:
    assert validate(build_schema(sdl()), parse(example)) == []


def test_nothing_breaks_clients_of_the_last_release() -> None:
    breaking = find_breaking_changes(build_schema(RELEASED.read_text(encoding="utf-8")), build_schema(sdl()))
    told = [f"{change.type.name}: {change.description}" for change in breaking]
    assert not told, (
        f"clients of the last release would break; if that is wanted, say so in CHANGELOG.md and: make schemas-released\n{told}"
    )


def test_a_field_that_goes_is_found() -> None:
    without = re.sub(r"  severity: Severity!\n", "", sdl(), count=1)
    assert find_breaking_changes(build_schema(sdl()), build_schema(without))
