"""Selections below a list as clients write them, every part of them under `@skip` and `@include`: fields, aliases, fragments with and without a type."""

from __future__ import annotations

from dataclasses import dataclass, field

from graphql import GraphQLObjectType, get_named_type
from hypothesis import strategies as st

from aetherius.graphql.schema import create_schema
from list_queries import plain_fields

_SCHEMA = create_schema()._schema
_LISTS = ("agents", "clusters", "events", "incidents", "commands", "workflows", "remediations")
CHOICES = ("$a", "$b", "true", "false")
_DEEPEST = 2
"""Fragments within fragments."""


@dataclass
class ChosenFields:
    """A query with variables `$a` and `$b`."""

    text: str
    fragments: list[str] = field(default_factory=list)


def _fields(type_name: str) -> list[str]:
    """What may be asked of a type: names, and for objects the name of their type too."""
    if type_name == "PageInfo":
        return ["hasNextPage", "endCursor", "__typename"]
    if type_name.endswith("Connection"):
        return ["edges", "pageInfo", "position", "totalCount", "__typename"]
    if type_name.endswith("Edge"):
        return ["cursor", "node", "__typename"]
    if type_name == "Query":
        return [*_LISTS, "__typename"]
    return ["id", "streamId", "__typename", *plain_fields(type_name)]


@st.composite
def chosen_fields(draw: st.DrawFn) -> ChosenFields:
    """A query of lists."""
    made = ChosenFields("")
    body = _selections(draw, "Query", made, 0)
    used = "used: __typename @include(if: $a) @skip(if: $b)"
    made.text = " ".join([f"query($a: Boolean!, $b: Boolean! = true) {{ {used} ... {body} }}", *made.fragments])
    return made


def _selections(draw: st.DrawFn, type_name: str, made: ChosenFields, depth: int) -> str:
    parts = [_selection(draw, type_name, made, depth) for _ in range(draw(st.integers(1, 2)))]
    return "{ " + " ".join(parts) + " }"


def _selection(draw: st.DrawFn, type_name: str, made: ChosenFields, depth: int) -> str:
    shape = draw(st.integers(0, 9)) if depth < _DEEPEST else 0
    if shape == 9:
        name = f"F{len(made.fragments)}"
        made.fragments.append("")  # its place: the ones inside it come later
        body = _selections(draw, type_name, made, depth + 1)
        made.fragments[int(name[1:])] = f"fragment {name} on {type_name} {body}"
        return " ".join(f"...{name} {_choice(draw)}" for _ in range(draw(st.integers(1, 2))))
    if shape == 8:
        condition = draw(st.sampled_from(["", f"on {type_name}"]))
        return f"... {condition} {_choice(draw)} {_selections(draw, type_name, made, depth + 1)}"
    return _field(draw, type_name, made, depth)


def _field(draw: st.DrawFn, type_name: str, made: ChosenFields, depth: int) -> str:
    name = draw(st.sampled_from(_fields(type_name)))
    alias = draw(st.sampled_from(["", f"again_{name}: "]))
    within = None if name == "__typename" else _SCHEMA.get_type(type_name).fields[name].type  # type: ignore[union-attr]
    inner = get_named_type(within) if within else None
    if isinstance(inner, GraphQLObjectType):
        return f"{alias}{name} {_choice(draw)} {_selections(draw, inner.name, made, depth)}"
    return f"{alias}{name} {_choice(draw)}"


def _choice(draw: st.DrawFn) -> str:
    names = draw(st.sampled_from([(), (), ("skip",), ("include",), ("skip", "include"), ("include", "skip")]))
    return " ".join(f"@{name}(if: {draw(st.sampled_from(CHOICES))})" for name in names)
