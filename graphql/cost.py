"""What a query may cost: the fields it asks for, each times the rows around it, reckoned before anything is read.

A field costs 1 (or its own price, if it asks the database for more than a row's value), and what is below it as often as it may have rows: `first` of a list,
the most that a list without a size can give, or ten for a nested list. A subscription costs what one of its payloads does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

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
    SchemaMetaFieldDef,
    SelectionSetNode,
    TypeMetaFieldDef,
    VariableNode,
    get_named_type,
    get_nullable_type,
    get_variable_values,
    is_list_type,
)
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext

from aetherius.access.error_codes import extensions_of
from aetherius.graphql.connection import DEFAULT_PAGE
from aetherius.graphql.errors import TooExpensiveError
from aetherius.graphql.operations import operation_named
from aetherius.graphql.schema_sizes import SchemaSizes, sizes_of
from aetherius.projections.queries import MAX_PAGE

_NESTED_ROWS: Final = 10
"""Rows reckoned for a nested list: most are shorter."""
_ROWS: Final[Mapping[tuple[str, str], int]] = {
    ("Query", "history"): 200,
    ("EventsArrived", "events"): MAX_PAGE,
    ("Incident", "events"): 21,
}
"""Lists without a size that may be longer."""
_PRICES: Final[Mapping[str, int]] = {"totalCount": 20, "recordedAt": 5}
"""Fields for which the database is asked anew."""
_EDGES: Final = "edges"
_WRAPPED: Final = ("__Type", "ofType")
"""Every other type wraps one, at the most: questions about it nest far deeper than types do."""
_OTHER_TYPES: Final = frozenset({"type", "ofType", "possibleTypes", "interfaces"})
"""Fields of introspection that lead from a type to others, which may be the longest."""

ObjectType = GraphQLObjectType | GraphQLInterfaceType


_META: Final[Mapping[str, GraphQLField]] = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}


class Cost(NamedTuple):
    """Fields, and the path to those that cost most."""

    total: int
    place: tuple[str, ...] = ()


class Costs:
    """Reckons operations of a schema against a limit."""

    def __init__(self, schema: GraphQLSchema, limit: int) -> None:
        self._schema = schema
        self._sizes = sizes_of(schema)
        self.limit = limit

    def of(
        self, document: DocumentNode, operation: OperationDefinitionNode | None, variables: Mapping[str, Any]
    ) -> Cost:
        """Cost of an operation of a valid document; of its dearest one, if it is not known which."""
        reckoning = _Reckoning(self._schema, self._sizes, document, variables)
        nodes = (
            [operation] if operation else [n for n in document.definitions if isinstance(n, OperationDefinitionNode)]
        )
        return max((reckoning.of_operation(node) for node in nodes), default=Cost(0), key=_total)


class CostLimit(SchemaExtension):
    """Refuses an operation that may cost more than a limit. After validation, as variables count."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def on_validate(self) -> Iterator[None]:
        """Reckon once the document is known to be valid: `KnownDocuments` stands before us, and has said so with an empty list."""
        context = self.execution_context
        if context.graphql_document and context.pre_execution_errors == []:
            schema, document = context.schema._schema, context.graphql_document
            operation = operation_named(document, context.operation_name)
            cost = Costs(schema, self._limit).of(document, operation, _coerced(schema, operation, context.variables))
            if cost.total > self._limit:
                error = TooExpensiveError(cost.total, self._limit, ".".join(cost.place))
                context.pre_execution_errors = [
                    GraphQLError(str(error), original_error=error, extensions=extensions_of(error))
                ]
        yield


def cost_of(context: ExecutionContext) -> tuple[OperationDefinitionNode | None, int]:
    """The operation of a valid document, and what it costs."""
    assert context.graphql_document is not None
    schema, document = context.schema._schema, context.graphql_document
    operation = operation_named(document, context.operation_name)
    variables = _coerced(schema, operation, context.variables)
    return operation, Costs(schema, 0).of(document, operation, variables).total


def _coerced(
    schema: GraphQLSchema, operation: OperationDefinitionNode | None, given: dict[str, Any] | None
) -> Mapping[str, Any]:
    """The variables with their defaults; as given if they are refused later."""
    if operation is None:
        return given or {}
    found = get_variable_values(schema, operation.variable_definitions or (), given or {})
    return (given or {}) if isinstance(found, list) else found.coerced


def size_variables(nodes: Iterable[Any]) -> Iterator[str]:
    """The variables that say how many rows there are: a cost depends on no others."""
    for node in nodes:
        if isinstance(node, FieldNode):
            value = _size(node)
            if isinstance(value, VariableNode):
                yield value.name.value
        if selected := getattr(node, "selection_set", None):
            yield from size_variables(selected.selections)


class _Reckoning:
    def __init__(
        self, schema: GraphQLSchema, sizes: SchemaSizes, document: DocumentNode, variables: Mapping[str, Any]
    ) -> None:
        self._schema = schema
        self._sizes = sizes
        self._variables = variables
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._of_fragments: dict[tuple[str, bool], Cost] = {}

    def of_operation(self, operation: OperationDefinitionNode) -> Cost:
        root = self._schema.get_root_type(operation.operation)
        return self._of_selections(root, operation.selection_set, False) if root else Cost(0)

    def _of_selections(self, parent: ObjectType | None, selections: SelectionSetNode, every: bool) -> Cost:
        """`every`: below introspection's `types`."""
        costs = [self._of_selection(parent, node, every) for node in selections.selections]
        return Cost(sum(cost.total for cost in costs), max(costs, default=Cost(0), key=_total).place)

    def _of_selection(self, parent: ObjectType | None, node: Any, every: bool) -> Cost:
        if isinstance(node, FragmentSpreadNode):
            return self._of_fragment(node.name.value, every)
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            within = self._type(condition.name.value) if condition else parent
            return self._of_selections(within, node.selection_set, every)
        assert isinstance(node, FieldNode)
        return self._of_field(parent, node, every)

    def _of_fragment(self, name: str, every: bool) -> Cost:
        if (name, every) not in self._of_fragments:
            fragment = self._fragments[name]
            condition = self._type(fragment.type_condition.name.value)
            self._of_fragments[name, every] = self._of_selections(condition, fragment.selection_set, every)
        return self._of_fragments[name, every]

    def _of_field(self, parent: ObjectType | None, node: FieldNode, every: bool) -> Cost:
        name = node.name.value
        key = node.alias.value if node.alias else name
        price = _PRICES.get(name, 1)
        if node.selection_set is None:
            return Cost(price, (key,))
        field = _META.get(name) or (parent.fields.get(name) if parent else None)
        inner = get_named_type(field.type) if field else None
        all_types = name == "types" or (every and name not in _OTHER_TYPES)
        below = self._of_selections(inner if isinstance(inner, ObjectType) else None, node.selection_set, all_types)
        return Cost(price + math.ceil(self._rows(parent, field, node, every) * below.total), (key, *below.place))

    def _rows(self, parent: ObjectType | None, field: GraphQLField | None, node: FieldNode, every: bool) -> float:
        if field is None or parent is None:
            return 1
        if "first" in field.args:
            return self._first(node)
        if (parent.name, node.name.value) == _WRAPPED:
            return 0.5
        counted = node.name.value != _EDGES and is_list_type(get_nullable_type(field.type))
        if counted and parent.name.startswith("__"):
            return self._sizes.rows(parent.name, node.name.value, every=every)
        return _ROWS.get((parent.name, node.name.value), _NESTED_ROWS) if counted else 1

    def _first(self, node: FieldNode) -> int:
        value = _size(node)
        if isinstance(value, IntValueNode):
            return min(int(value.value), MAX_PAGE)
        if isinstance(value, VariableNode):
            given = self._variables.get(value.name.value, DEFAULT_PAGE)
            return min(given, MAX_PAGE) if isinstance(given, int) else MAX_PAGE
        return DEFAULT_PAGE

    def _type(self, name: str) -> ObjectType | None:
        found = self._schema.get_type(name)
        return found if isinstance(found, ObjectType) else None


def _total(cost: Cost) -> int:
    return cost.total


def _size(node: FieldNode) -> Any:
    return next((argument.value for argument in node.arguments or () if argument.name.value == "first"), None)
