"""The schema is what its definition in the documentation says: clients are built against that."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from aetherius.graphql.schema import sdl

DOCS = Path(__file__).parents[3] / "docs"
SDL = DOCS / "schema.graphql"
EXAMPLES = re.findall(r"```graphql\n(.*?)```", (DOCS / "graphql.md").read_text(encoding="utf-8"), re.DOTALL)
REMEDY = "make schemas"


def test_the_schema_is_as_documented() -> None:
    assert SDL.read_text(encoding="utf-8") == sdl(), f"the schema changed; if that is wanted: {REMEDY}"


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_the_documentation_asks_can_be_asked(example: str) -> None:
    assert validate(build_schema(sdl()), parse(example)) == []
