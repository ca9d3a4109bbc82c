"""What a query may look like and cost, reckoned from its document alone."""

from __future__ import annotations

import pytest
from graphql import GraphQLError, parse
from hypothesis import given
from hypothesis import strategies as st

from aetherius.graphql.cost import Costs
from aetherius.graphql.limits import within
from aetherius.graphql.operations import operation_named
from aetherius.graphql.schema import create_schema

SCHEMA = create_schema()
COSTS = Costs(SCHEMA._schema, 50_000)


def cost(text: str, **variables: object) -> tuple[int, str]:
    document = parse(text)
    found = COSTS.of(document, operation_named(document, None), variables)
    return found.total, ".".join(found.place)


@pytest.mark.parametrize(
    ("text", "total", "place"),
    [
        ("{ head }", 1, "head"),
        ("{ agents(first: 10) { position } }", 11, "agents.position"),
        ("{ agents { totalCount } }", 1 + 50 * 20, "agents.totalCount"),
        ("{ a: agents(first: 2) { edges { node { id agentId } } } }", 1 + 2 * (1 + 1 + 2), "a.edges.node.id"),
        ("subscription { eventPages { events { id } } }", 1 + 1 + 500, "eventPages.events.id"),
        ('{ history(streamId: "x") { before } }', 1 + 200, "history.before"),
        (
            "{ incidents(first: 1) { edges { node { remediations { id } } } } }",
            14,
            "incidents.edges.node.remediations.id",
        ),
    ],
)
def test_a_field_costs_one_times_the_rows_around_it(text: str, total: int, place: str) -> None:
    assert cost(text) == (total, place)


@given(first=st.integers(1, 500))
def test_a_size_costs_the_same_as_a_number_or_a_variable_or_in_a_fragment(first: int) -> None:
    body = "{ edges { node { id status } } }"
    literal = cost(f"{{ incidents(first: {first}) {body} }}")
    assert cost(f"query($n: Int!) {{ incidents(first: $n) {body} }}", n=first) == literal
    assert cost(f"{{ ...F }} fragment F on Query {{ incidents(first: {first}) {body} }}") == literal


def test_fragments_that_double_each_other_are_reckoned_at_once() -> None:
    doubled = " ".join(f"fragment F{n} on Incident {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
    text = f"{{ incidents {{ edges {{ node {{ ...F0 }} }} }} }} {doubled} fragment F60 on Incident {{ id }}"
    assert cost(text)[0] > 2**60
    (error,) = within(15)(parse(text))
    assert isinstance(error, GraphQLError)
    assert (error.extensions or {})["code"] == "TOO_BROAD"


def test_a_document_is_parsed_and_validated_once() -> None:
    text = "{ agents { totalCount } }"
    assert SCHEMA.documents.get(text) is SCHEMA.documents.get(text)
    assert SCHEMA.documents.get("{ nothing }").errors
