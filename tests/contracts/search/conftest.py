"""The search port's suite runs on both real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from aetherius.projections import schema
from search_site import Generations, on_elasticsearch, on_postgres


@pytest.fixture(params=[pytest.param("elasticsearch_url", marks=pytest.mark.elasticsearch), "dsn"])
def address(request: pytest.FixtureRequest) -> str:
    """Of one server and then of the other."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def generations(address: str) -> AsyncIterator[Generations]:
    is_postgres = not address.startswith("http")
    if is_postgres:
        schema.create(address)
    opened = on_postgres(address) if is_postgres else on_elasticsearch(address)
    async with opened as made:
        yield made
