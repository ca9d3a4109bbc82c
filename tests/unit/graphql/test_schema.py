"""The schema is what its definition in the documentation says: clients are built against that."""

from __future__ import annotations

from pathlib import Path

from aetherius.graphql.schema import sdl

SDL = Path(__file__).parents[3] / "docs" / "schema.graphql"
REMEDY = ".venv/bin/python -c 'from aetherius.graphql.schema import sdl; print(sdl(), end=\"\")' > docs/schema.graphql"


def test_the_schema_is_as_documented() -> None:
    assert SDL.read_text(encoding="utf-8") == sdl(), f"the schema changed; if that is wanted: {REMEDY}"
