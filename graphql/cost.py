"""What a query may cost: the fields it asks for, each times the rows around it, reckoned before anything is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext

from aetherius.graphql.connection import DEFAULT_PAGE
from aetherius.graphql.error_codes import extensions_of
from aetherius.graphql.errors import TooExpensiveError
from aetherius.projections.queries import MAX_PAGE

_NESTED_ROWS: Final = 10
"""Rows reckoned for a list without a size: most nested lists are shorter."""
_EDGES: Final = "edges"

ObjectType = GraphQLObjectType | GraphQLInterfaceType


class CostLimit(SchemaExtension):
    """Refuses an operation that may cost more than a limit. After validation, as variables count."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def on_validate(self) -> Iterator[None]:
        """Reckon once the document is known to be valid: `ValidationCache` stands before us, and has said so with an empty list."""
        context = self.execution_context
        if context.graphql_document and context.pre_execution_errors == []:
            self._check(context, context.graphql_document)
        yield

    def _check(self, context: ExecutionContext, document: DocumentNode) -> None:
        reckoning = _Reckoning(context.schema._schema, document, context.variables or {})
        cost = reckoning.of_operation(context.operation_name)
        if cost > self._limit:
            error = TooExpensiveError(cost, self._limit)
            context.pre_execution_errors = [
                GraphQLError(str(error), original_error=error, extensions=extensions_of(error))
            ]


class _Reckoning:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._variables = variables
        self._operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._of_fragments: dict[str, int] = {}

    def of_operation(self, name: str | None) -> int:
        """Cost of the operation of a name, or of the dearest one."""
        wanted = [node for node in self._operations if name is None or (node.name and node.name.value == name)]
        return max((self._of_root(node) for node in wanted), default=0)

    def _of_root(self, operation: OperationDefinitionNode) -> int:
        root = self._schema.get_root_type(operation.operation)
        return self._of_selections(root, operation.selection_set) if root else 0

    def _of_selections(self, parent: ObjectType | None, selections: SelectionSetNode) -> int:
        return sum(self._of_selection(parent, node) for node in selections.selections)

    def _of_selection(self, parent: ObjectType | None, node: Any) -> int:
        if isinstance(node, FragmentSpreadNode):
            return self._of_fragment(node.name.value)
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            return self._of_selections(self._type(condition.name.value) if condition else parent, node.selection_set)
        assert isinstance(node, FieldNode)
        return self._of_field(parent, node)

    def _of_fragment(self, name: str) -> int:
        if name not in self._of_fragments:
            fragment = self._fragments[name]
            condition = self._type(fragment.type_condition.name.value)
            self._of_fragments[name] = self._of_selections(condition, fragment.selection_set)
        return self._of_fragments[name]

    def _of_field(self, parent: ObjectType | None, node: FieldNode) -> int:
        field = parent.fields.get(node.name.value) if parent else None
        if node.selection_set is None:
            return 1
        inner = get_named_type(field.type) if field else None
        below = self._of_selections(
            inner if isinstance(inner, GraphQLObjectType | GraphQLInterfaceType) else None, node.selection_set
        )
        return 1 + self._rows(field, node) * below

    def _rows(self, field: GraphQLField | None, node: FieldNode) -> int:
        if field is None:
            return 1
        if "first" in field.args:
            return self._first(node)
        counted = node.name.value != _EDGES and is_list_type(get_nullable_type(field.type))
        return _NESTED_ROWS if counted else 1

    def _first(self, node: FieldNode) -> int:
        value = next((argument.value for argument in node.arguments or () if argument.name.value == "first"), None)
        if isinstance(value, IntValueNode):
            return min(int(value.value), MAX_PAGE)
        if isinstance(value, VariableNode):
            given = self._variables.get(value.name.value, DEFAULT_PAGE)
            return min(given, MAX_PAGE) if isinstance(given, int) else MAX_PAGE
        return DEFAULT_PAGE

    def _type(self, name: str) -> ObjectType | None:
        found = self._schema.get_type(name)
        return found if isinstance(found, GraphQLObjectType | GraphQLInterfaceType) else None
