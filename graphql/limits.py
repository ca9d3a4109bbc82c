"""What a document may look like, whatever its variables are: how deep it nests, and how many fields and aliases it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
)

from aetherius.access.error_codes import extensions_of
from aetherius.graphql.errors import TooBroadError, TooDeepError

MAX_FIELDS: Final = 1000
MAX_ALIASES: Final = 100
MAX_ROOTS: Final = 30


class _Measure(NamedTuple):
    depth: int = 0
    deepest: tuple[str, ...] = ()
    fields: int = 0
    aliases: int = 0


def within(max_depth: int) -> Callable[[DocumentNode], list[GraphQLError]]:
    """A check of valid documents, fragments spread: at most so many levels, `MAX_FIELDS` fields, `MAX_ALIASES` aliases and `MAX_ROOTS` fields at the root.
    Introspection may nest as deep as it needs."""

    def check(document: DocumentNode) -> list[GraphQLError]:
        measuring = _Measuring(document)
        return [error for node in document.definitions for error in measuring.errors(node, max_depth)]

    return check


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
        if node.selection_set is None or name.startswith("__"):
            return _Measure(0, (name,), 1, alias)
        below = self._of(node.selection_set)
        return _Measure(below.depth + 1, (name, *below.deepest), below.fields + 1, below.aliases + alias)


def _error(error: TooDeepError | TooBroadError, node: OperationDefinitionNode) -> GraphQLError:
    return GraphQLError(str(error), nodes=[node], original_error=error, extensions=extensions_of(error))
