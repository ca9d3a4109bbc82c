"""A compiled list answers as the resolvers do, byte for meaning: over random rows, queries, filters, pages and moments."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from strawberry.http import process_result

from aetherius.access.user import Role, User
from aetherius.event_store.log import Log
from aetherius.event_store.subscription import LogSignal
from aetherius.graphql.context import Context, Services
from aetherius.graphql.feed import Feed
from aetherius.graphql.schema import ReadSchema, create_schema
from aetherius.projections import schema as read_model_schema
from aetherius.projections.models import MODELS
from aetherius.projections.postgres_queries import PostgresReadModels
from aetherius.projections.versioned_rows import VersionedRows
from chosen_fields import ChosenFields, chosen_fields
from list_queries import ListQuery, list_queries
from log_history import History
from random_rows import NOON, RandomRows

pytestmark = [
    pytest.mark.anyio,
    # The pool's threads draw random pauses too: Hypothesis takes that for ours.
    pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies"),
]

LIST = "query($n: Int!, $p: Position) { incidents(first: $n, asOf: {position: $p}) { totalCount edges { node { id status } } } }"


class Site:
    """Both ways to an answer, over one database."""

    def __init__(self, schema: ReadSchema, services: Services, head: int) -> None:
        self.schema = schema
        self.services = services
        self.head = head
        self.user = User("rita", Role.READER)

    async def resolved(self, query: str, variables: dict[str, Any], operation: str | None = None) -> Any:
        context = Context(self.services, self.user)
        result = await self.schema.execute(
            query, variable_values=variables, context_value=context, operation_name=operation
        )
        return process_result(result)

    async def compiled(self, query: str, variables: dict[str, Any], operation: str | None = None) -> bytes | None:
        return await self.schema.lists.answer(Context(self.services, self.user), query, operation, variables)


@pytest.fixture
async def site(log: Log, history: History, dsn: str) -> AsyncIterator[Site]:
    history.rng.seed(4)
    history.go_on(60)
    read_model_schema.create(dsn)
    head = log.head()
    with psycopg.connect(dsn) as connection:
        for model in MODELS:
            VersionedRows(model).apply(log.read(0, 10_000, model.topics), connection.cursor())
            connection.execute("INSERT INTO aetherius.checkpoints (name, position) VALUES (%s, %s)", (model.name, head))
            connection.execute(f"DELETE FROM read_models.{model.name} WHERE doc::text LIKE '%\\\\u0000%'")
    RandomRows(1).write(dsn, head, 40)
    async with LogSignal(dsn) as signal, PostgresReadModels(dsn, log, patience=0.2) as models:
        yield Site(create_schema(), Services(log, models, Feed(log, signal), threads=4), head)


def ordered(answer: Any) -> Any:
    """As the client reads it: names in their order."""
    text = answer if isinstance(answer, bytes) else json.dumps(answer, default=str)
    return json.loads(text, object_pairs_hook=lambda pairs: pairs)


def printable(answer: Any) -> bool:
    text = json.dumps(answer, ensure_ascii=False, default=str)
    return "\\u0000" not in text and "\ufffd" not in text


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=list_queries())
async def test_both_ways_give_the_same_answer(site: Site, asked: ListQuery) -> None:
    variables = asked.variables(site.head)
    resolved = await site.resolved(asked.text, variables, asked.operation)
    compiled = await site.compiled(asked.text, variables, asked.operation)
    if compiled is not None:
        event("compiled")
        assert ordered(compiled) == ordered(resolved), asked.text
    elif "errors" not in resolved and printable(resolved) and asked.plain:
        pages = json.dumps(resolved)
        raise AssertionError(f"was not compiled: {asked.text} {variables}: {pages[:500]}")


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=chosen_fields(), a=st.booleans(), b=st.booleans())
async def test_any_choice_of_fields_gives_the_same_answer(site: Site, asked: ChosenFields, a: bool, b: bool) -> None:
    variables = {"a": a, "b": b}
    resolved, compiled = await site.resolved(asked.text, variables), await site.compiled(asked.text, variables)
    assert "errors" not in resolved, resolved
    if compiled is not None:
        event("compiled")
        assert ordered(compiled) == ordered(resolved), asked.text


async def test_an_object_that_loses_all_its_fields_is_printed_empty(site: Site) -> None:
    for selected in (
        "position @skip(if: $a)",
        "edges @skip(if: $a) { cursor }",
        "edges { cursor @skip(if: $a) }",
        "edges { node @skip(if: $a) { id } }",
        "edges { node { id @skip(if: $a) } }",
        "pageInfo { hasNextPage @include(if: $b) }",
        "... @skip(if: $a) { position }",
        "...F @skip(if: $a)",
        "...F",
    ):
        fragment = "fragment F on IncidentConnection { position @include(if: $b) }" if "...F" in selected else ""
        other = "other: agents @skip(if: $a) { position } also: __typename @include(if: $b)"
        query = f"query($a: Boolean!, $b: Boolean!) {{ incidents {{ {selected} }} {other} }} {fragment}"
        variables = {"a": True, "b": False}
        compiled = await site.compiled(query, variables)
        assert compiled is not None, selected
        assert ordered(compiled) == ordered(await site.resolved(query, variables)), selected


@given(n=st.integers(-1, 501), position=st.none() | st.integers(-1, 500))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_what_is_refused_is_left_to_the_resolvers(site: Site, n: int, position: int | None) -> None:
    variables = {"n": n, "p": position}
    resolved, compiled = await site.resolved(LIST, variables), await site.compiled(LIST, variables)
    refused = n not in range(1, 501) or position not in range(site.head + 1)
    assert (compiled is None) == refused == ("errors" in resolved)


async def test_texts_that_postgres_cannot_print_are_left_to_the_resolvers(site: Site, dsn: str) -> None:
    query = "{ events(first: 500) { edges { node { message reason } } } }"
    assert await site.compiled(query, {}) is not None
    RandomRows(2, hard=1.0).write(dsn, site.head, 1)
    assert await site.compiled(query, {}) is None
    assert "errors" not in await site.resolved(query, {})


async def test_nested_computed_and_secret_fields_are_not_compiled(site: Site) -> None:
    for fields in ("workflow { id }", "diagnosis { summary }"):
        assert await site.compiled(f"{{ incidents {{ edges {{ node {{ id {fields} }} }} }} }}", {}) is None
    for query in (
        "{ commands { edges { node { output } } } }",
        "{ workflows { edges { node { error } } } }",
        "{ head incidents { totalCount } }",
        '{ node(id: "x") { id } }',
        "{ __schema { description } agents { totalCount } }",
        "mutation { acknowledgeIncident(id: 1) { position } }",
    ):
        assert await site.compiled(query, {}) is None, query


async def test_a_model_that_lags_behind_is_told_in_the_same_words(site: Site, dsn: str, history: History) -> None:
    history.open_incident()
    variables = {"n": 5, "p": site.services.log.head()}
    resolved, compiled = await site.resolved(LIST, variables), await site.compiled(LIST, variables)
    assert compiled is not None
    assert json.loads(compiled) == json.loads(json.dumps(resolved))
    assert json.loads(compiled)["errors"][0]["extensions"]["code"] == "READ_MODEL_BEHIND"


async def test_tables_that_are_missing_are_told_in_the_same_words(site: Site, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("DROP TABLE read_models.incidents CASCADE")
    variables = {"n": 5, "p": None}
    query = "query($n: Int!) { incidents(first: $n) { edges { node { id } } } }"
    resolved, compiled = await site.resolved(query, variables), await site.compiled(query, variables)
    assert compiled is not None
    assert json.loads(compiled) == json.loads(json.dumps(resolved))


async def test_what_costs_too_much_is_left_to_the_resolvers(site: Site) -> None:
    many = " ".join(
        f"a{n}: incidents(first: $n) {{ edges {{ node {{ {' '.join(['id'] * 9)} }} }} }}" for n in range(25)
    )
    query = f"query($n: Int! = 500) {{ {many} }}"
    assert await site.compiled(query, {}) is None
    refused = (await site.resolved(query, {}))["errors"][0]["extensions"]
    assert (refused["code"], refused["field"]) == ("TOO_EXPENSIVE", "a0.edges.node.id")
    assert await site.compiled(query, {"n": 5}) is not None


async def test_times_keep_their_zone_and_their_zeros(site: Site, dsn: str) -> None:
    since = (NOON + timedelta(days=1)).isoformat()
    query = (
        "query($t: DateTime) { events(filter: {occurredAtSince: $t}, first: 100) { edges { node { occurredAt } } } }"
    )
    compiled = await site.compiled(query, {"t": since})
    assert compiled is not None
    assert ordered(compiled) == ordered(await site.resolved(query, {"t": since}))
