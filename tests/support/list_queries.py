"""Queries of lists as clients write them, for Hypothesis: fields, aliases, fragments, directives, filters, pages and moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLEnumType, get_named_type, get_nullable_type, is_list_type
from hypothesis import strategies as st

from aetherius.graphql.schema import create_schema
from random_rows import NOON, TEXTS

_SCHEMA = create_schema()._schema
_COMPUTED = {
    "Agent": ("cluster { id }",),
    "Cluster": ("agents { agentId }",),
    "Event": ("rawData",),
    "Freeze": ("holds",),
    "Incident": ("diagnosis { rootCause }", "remediations { id }"),
    "Command": ("output", "error"),
    "Workflow": ("steps { id }", "target", "error"),
    "Remediation": ("risk { level }", "error"),
}
LISTS = {
    name: get_named_type(field.type).name.removesuffix("Connection")
    for name, field in _SCHEMA.query_type.fields.items()  # type: ignore[union-attr]
    if get_named_type(field.type).name.endswith("Connection")
}


@dataclass(frozen=True)
class ListQuery:
    """`plain`: nothing in it but plain fields, so that it must be compiled."""

    text: str
    operation: str | None
    plain: bool
    values: Callable[[int], dict[str, Any]]

    def variables(self, head: int) -> dict[str, Any]:
        """The variables, for a log that ends at a position."""
        return self.values(head)


def plain_fields(kind: str) -> list[str]:
    """The fields of a node that a compiled statement prints."""
    computed = {each.split()[0] for each in _COMPUTED[kind]} | {"rawData", "target"}
    fields = _SCHEMA.get_type(kind).fields  # type: ignore[union-attr]
    return [
        name
        for name, field in fields.items()
        if name not in computed and not hasattr(get_named_type(field.type), "fields")
    ] + ["__typename"]


@st.composite
def list_queries(draw: st.DrawFn) -> ListQuery:
    """Queries of one to three lists."""
    roots, definitions, fragments, plain = [], ["$yes: Boolean!", "$p: Position"], [], True
    variables: dict[str, Any] = {"yes": draw(st.booleans())}
    position = draw(st.none() | st.floats(0, 1))
    for at in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(LISTS)))
        arguments, more = draw(_arguments(name, at))
        definitions += [f"${key}: {type}" for key, (type, _) in more.items()]
        variables |= {key: value for key, (_, value) in more.items()}
        body, is_plain, used = draw(_connection(LISTS[name], at))
        fragments += used
        plain = plain and is_plain
        chosen = draw(st.sampled_from(["", "", "", " @include(if: $yes)", " @skip(if: $yes)"]))
        plain = plain and not chosen  # perhaps nothing is left
        roots.append(f"r{at}: {name}{arguments}{chosen} {{ {body} }}")
    if draw(st.booleans()):
        roots.insert(0, "t: __typename")
    text = f"query L({', '.join(definitions)}) {{ yes: __typename @include(if: $yes) {' '.join(roots)} }} {' '.join(fragments)}"
    if draw(st.booleans()):
        text += " query Other { head }"

    def values(head: int) -> dict[str, Any]:
        return variables | {"p": None if position is None else round(position * head)}

    uses_position = "$p" in " ".join(roots)
    if not uses_position:
        text = text.replace(", $p: Position", "")
    return ListQuery(text, "L", plain, values)


@st.composite
def _connection(draw: st.DrawFn, kind: str, at: int) -> tuple[str, bool, list[str]]:
    fields = draw(st.lists(st.sampled_from(plain_fields(kind)), min_size=1, max_size=12, unique=True))
    selected = [f"{name[:2]}{n}: {name}" if draw(st.integers(0, 5)) == 0 else name for n, name in enumerate(fields)]
    plain = draw(st.integers(0, 7)) != 0
    if not plain:
        selected.append(draw(st.sampled_from(_COMPUTED[kind])))
    body, fragments = " ".join(selected), []
    match draw(st.integers(0, 4)):
        case 0:
            fragments.append(f"fragment F{at} on {kind} {{ {body} ... on Node {{ changedAtPosition }} }}")
            body = f"id ...F{at}"
        case 1:
            body = f"... on {kind} {{ {body} }} ... on Node {{ id streamId }} streamId"
        case 2:
            body = f"{body} extra: streamId @include(if: $yes) ... @skip(if: $yes) {{ gone: id }}"
    parts = [f"edges {{ {draw(st.sampled_from(['', 'cursor', '__typename cursor']))} node {{ {body} }} }}"]
    parts += draw(
        st.lists(
            st.sampled_from(
                [
                    "pageInfo { hasNextPage endCursor }",
                    "info: pageInfo { __typename startCursor hasPreviousPage hasNextPage }",
                    "position",
                    "totalCount",
                    "__typename",
                    "again: edges { cursor }",
                    "edges { node { streamId } }",
                ]
            ),
            max_size=5,
            unique=True,
        )
    )
    return " ".join(draw(st.permutations(parts))), plain, fragments


@st.composite
def _arguments(draw: st.DrawFn, name: str, at: int) -> tuple[str, dict[str, tuple[str, Any]]]:
    given: list[str] = []
    variables: dict[str, tuple[str, Any]] = {}
    field = _SCHEMA.query_type.fields[name]  # type: ignore[union-attr]
    first = draw(st.sampled_from([1, 2, 5, 40, 500]))
    if draw(st.booleans()):
        given.append(f"first: {first}")
    elif draw(st.booleans()):
        given.append(f"first: $n{at}")
        variables[f"n{at}"] = ("Int!", first)
    if draw(st.booleans()):
        given.append(f"filter: $f{at}")
        kind = get_named_type(field.args["filter"].type)
        variables[f"f{at}"] = (kind.name, draw(_filter(kind)))
    match draw(st.integers(0, 5)):
        case 0 | 1:
            given.append("asOf: {position: $p}")
        case 2:
            given.append(f'asOf: {{recordedAt: "{NOON.isoformat()}"}}')
    return (f"({', '.join(given)})" if given else ""), variables


@st.composite
def _filter(draw: st.DrawFn, kind: Any) -> dict[str, Any] | None:
    names = draw(st.lists(st.sampled_from(sorted(kind.fields)), max_size=3, unique=True))
    wanted = {name: draw(_value(kind.fields[name].type)) for name in names}
    return wanted if draw(st.integers(0, 5)) else None


@st.composite
def _value(draw: st.DrawFn, type: Any) -> Any:
    type = get_nullable_type(type)
    if is_list_type(type):
        inner = type.of_type
        return draw(st.lists(_value(inner), max_size=3) | _value(inner))
    if isinstance(type, GraphQLEnumType):
        return draw(st.sampled_from(sorted(type.values)))
    if type.name == "DateTime":
        return draw(st.datetimes(min_value=NOON.replace(tzinfo=None)).map(lambda at: f"{at.isoformat()}Z"))
    if type.name == "UUID":
        return str(draw(st.uuids()))
    return draw(st.sampled_from(TEXTS) | st.just("x" * 501))
