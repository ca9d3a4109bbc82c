"""What a document may look like, whatever its variables are: how deep it nests, and how many fields and aliases it has."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    IntValueNode,
    Node,
    ObjectFieldNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    Visitor,
    visit,
)

from aetherius.access.error_codes import extensions_of
from aetherius.access.errors import InvalidArgumentError
from aetherius.access.json_door import text_rule
from aetherius.domain.errors import DomainError
from aetherius.graphql.errors import TooBroadError, TooDeepError, TooNestedError

MAX_FIELDS: Final = 1000
MAX_ALIASES: Final = 100
MAX_ROOTS: Final = 30
_MAX_DIGITS: Final = 19
_MAX_FLOAT: Final = 64
_INTROSPECTION: Final = 15
"""Levels of a question about the schema: as many as the usual one of GraphiQL needs."""


class _Measure(NamedTuple):
    depth: int = 0
    deepest: tuple[str, ...] = ()
    fields: int = 0
    aliases: int = 0


def within(max_depth: int) -> Callable[[DocumentNode], list[GraphQLError]]:
    """A check of valid documents, fragments spread: at most so many levels, `MAX_FIELDS` fields, `MAX_ALIASES` aliases and `MAX_ROOTS` fields at the root.
    Introspection has a depth of its own."""

    def check(document: DocumentNode) -> list[GraphQLError]:
        measuring = _Measuring(document)
        return [error for node in document.definitions for error in measuring.errors(node, max_depth)]

    return check


def written_limits(document: DocumentNode) -> list[GraphQLError]:
    """What speaks against a document before it is validated: rules compare its fields pair by pair, and PostgreSQL stores not every value."""
    counting = _Written()
    visit(document, counting)
    if counting.fields > MAX_FIELDS:
        return [_error(TooBroadError("fields", counting.fields, MAX_FIELDS), document)]
    return [_error(error, node) for node, error in counting.broken]


def too_nested() -> GraphQLError:
    """Of a document that the parser itself cannot follow."""
    return _error(TooNestedError(), None)


class _Written(Visitor):
    """Counts fields as they are written, and looks at literals."""

    def __init__(self) -> None:
        super().__init__()
        self.fields = 0
        self.broken: list[tuple[Node, InvalidArgumentError]] = []
        self._names: list[str] = []

    def enter_field(self, *_: Any) -> None:
        self.fields += 1

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        self._names.append(node.name.value)

    def leave_argument(self, *_: Any) -> None:
        self._names.pop()

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> None:
        self._names.append(node.name.value)

    def leave_object_field(self, *_: Any) -> None:
        self._names.pop()

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        self._note(node, text_rule(node.value))

    def enter_int_value(self, node: IntValueNode, *_: Any) -> None:
        self._note(node, "is a number beyond 64 bits" if len(node.value) > _MAX_DIGITS else "")

    def enter_float_value(self, node: FloatValueNode, *_: Any) -> None:
        fits = len(node.value) <= _MAX_FLOAT and math.isfinite(float(node.value))
        self._note(node, "" if fits else "is a number beyond 64 bits")

    def _note(self, node: Node, rule: str) -> None:
        if rule:
            self.broken.append((node, InvalidArgumentError(".".join(self._names) or "query", rule)))


class _Measuring:
    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._of_fragments: dict[str, _Measure] = {}

    def errors(self, node: Any, max_depth: int) -> list[GraphQLError]:
        if not isinstance(node, OperationDefinitionNode):
            return []
        measure, roots = self._of(node.selection_set), len(node.selection_set.selections)
        if measure.depth > max_depth:
            return [_error(TooDeepError(measure.depth, max_depth, ".".join(measure.deepest)), node)]
        for what, count, limit in (
            ("fields", measure.fields, MAX_FIELDS),
            ("aliases", measure.aliases, MAX_ALIASES),
            ("fields at the root", roots, MAX_ROOTS),
        ):
            if count > limit:
                return [_error(TooBroadError(what, count, limit), node)]
        return []

    def _of(self, selections: SelectionSetNode) -> _Measure:
        found = [self._of_selection(node) for node in selections.selections]
        deepest = max(found, default=_Measure(), key=lambda measure: measure.depth)
        return _Measure(
            deepest.depth,
            deepest.deepest,
            sum(measure.fields for measure in found),
            sum(measure.aliases for measure in found),
        )

    def _of_selection(self, node: Any) -> _Measure:
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name not in self._of_fragments:
                self._of_fragments[name] = self._of(self._fragments[name].selection_set)
            return self._of_fragments[name]
        if not isinstance(node, FieldNode):
            return self._of(node.selection_set)
        name, alias = node.name.value, 1 if node.alias else 0
        if node.selection_set is None:
            return _Measure(0, (name,), 1, alias)
        below = self._of(node.selection_set)
        if name.startswith("__") and below.depth < _INTROSPECTION:
            return _Measure(0, (name,), below.fields + 1, below.aliases + alias)
        return _Measure(below.depth + 1, (name, *below.deepest), below.fields + 1, below.aliases + alias)


def _error(error: DomainError, node: Node | None) -> GraphQLError:
    return GraphQLError(
        str(error), nodes=[node] if node else None, original_error=error, extensions=extensions_of(error)
    )
