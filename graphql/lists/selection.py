"""Which fields a list query asks for, in the order of its answer: fragments spread, `@include` and `@skip` decided, fields of one name put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLAbstractType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    VariableNode,
)
from graphql.execution.values import get_argument_values
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective

from aetherius.graphql.errors import NotPlainError

_CHOOSING: Final = {"include": GraphQLIncludeDirective, "skip": GraphQLSkipDirective}
Fields = dict[str, list[FieldNode]]
"""By the name that the answer has."""


@dataclass(frozen=True)
class Spreading:
    """Spreads selections of one operation, for some values of its variables."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Any
    """As graphql-core coerced them."""

    def fields(self, type: GraphQLObjectType, selections: Iterable[SelectionSetNode]) -> Fields:
        """The fields of an object."""
        fields: Fields = {}
        visited: set[str] = set()
        for selection in selections:
            for node in self._spread(type, selection, visited):
                fields.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
        return fields

    def _spread(self, type: GraphQLObjectType, selections: SelectionSetNode, visited: set[str]) -> Iterator[FieldNode]:
        for node in selections.selections:
            if not self._chosen(node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or self._applies(node.type_condition.name.value, type):
                    yield from self._spread(type, node.selection_set, visited)
            else:
                name = node.name.value  # type: ignore[attr-defined]
                fragment = self.fragments[name]
                if name not in visited and self._applies(fragment.type_condition.name.value, type):
                    visited.add(name)
                    yield from self._spread(type, fragment.selection_set, visited)

    def _applies(self, name: str, type: GraphQLObjectType) -> bool:
        condition = self.schema.get_type(name)
        return condition is type or (
            isinstance(condition, GraphQLAbstractType) and self.schema.is_sub_type(condition, type)
        )

    def _chosen(self, directives: Iterable[DirectiveNode]) -> bool:
        chosen = True
        for node in directives:
            definition = _CHOOSING.get(node.name.value)
            if definition is None:
                raise NotPlainError(f"@{node.name.value}")
            wanted = bool(get_argument_values(definition, node, self.variables)["if"])
            chosen = chosen and wanted is (node.name.value == "include")
        return chosen


def selections(nodes: Iterable[FieldNode]) -> list[SelectionSetNode]:
    """What is asked for below fields of one name."""
    return [node.selection_set for node in nodes if node.selection_set]


def choosing_variables(node: Any) -> Iterator[str]:
    """The variables that directives of a document's part look at."""
    for directive in getattr(node, "directives", None) or ():
        for argument in directive.arguments or ():
            if isinstance(argument.value, VariableNode):
                yield argument.value.name.value
    if selected := getattr(node, "selection_set", None):
        for each in selected.selections:
            yield from choosing_variables(each)
