"""A long answer is put together in pieces: whoever else waits for the event loop gets its turn in between."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
import strawberry

from aetherius.graphql.breathing import Breath, BreathingExecutor

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@strawberry.type
class Row:
    a: int
    b: str


@strawberry.type
class Query:
    @strawberry.field
    async def rows(self, n: int) -> list[Row]:
        return [Row(a=i, b=str(i)) for i in range(n)]


SCHEMA = strawberry.Schema(Query, execution_context_class=BreathingExecutor)
FIELDS = " ".join(f"a{n}: a b{n}: b" for n in range(20))


async def test_the_loop_gets_turns_while_a_long_list_is_completed() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    context = SimpleNamespace(breath=Breath())
    result = await SCHEMA.execute(f"{{ rows(n: 3000) {{ {FIELDS} }} }}", context_value=context)
    counting.cancel()
    assert result.errors is None
    assert [row["a7"] for row in result.data["rows"]] == list(range(3000))  # type: ignore[index]
    assert turns > 20


async def test_a_list_is_the_same_in_pieces_and_at_once() -> None:
    query = "{ rows(n: 40) { a b } }"
    in_pieces = await SCHEMA.execute(query, context_value=SimpleNamespace(breath=Breath()))
    at_once = await SCHEMA.execute(query)
    assert in_pieces.errors is None
    assert in_pieces.data == at_once.data


async def test_many_who_wait_for_a_turn_all_get_one() -> None:
    breath = Breath()
    async with asyncio.timeout(20):
        await asyncio.gather(*(breath.take() for _ in range(1000)))
