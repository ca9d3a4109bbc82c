"""What is known of a list query before its variables: its roots, and a statement for each set of conditions that was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_argument_values,
    get_named_type,
    get_variable_values,
)

from aetherius.graphql.bounded import Bounded
from aetherius.graphql.context import Context
from aetherius.graphql.cost import Costs, size_variables
from aetherius.graphql.errors import NotPlainError
from aetherius.graphql.listing import FILTERS, Listing, listing
from aetherius.graphql.lists.selection import Spreading, choosing_variables
from aetherius.graphql.lists.statement import Root, Statement, compile_statement
from aetherius.graphql.types.node import Node

_STATEMENTS: Final = 64
"""Kept of one query: sets of conditions that clients really use are few."""
_KINDS: Final[Mapping[str, type[Node]]] = {f"{kind.__name__}Connection": kind for kind in FILTERS}

Roots = tuple[Root | str, ...]


class Plan:
    """A query of lists of plain fields."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, costs: Costs
    ) -> None:
        """Raises ``NotPlainError``."""
        if operation.operation is not OperationType.QUERY or operation.directives:
            raise NotPlainError(operation.operation.value)
        self._schema = schema
        self._document = document
        self._operation = operation
        self._costs = costs
        fragments = [node for node in document.definitions if isinstance(node, FragmentDefinitionNode)]
        self._fragments = {node.name.value: node for node in fragments}
        choosing = {name for node in (operation, *fragments) for name in choosing_variables(node)}
        self._choosing = tuple(sorted(choosing))
        self._sizes = tuple(sorted(set(size_variables((operation, *fragments)))))
        self._affordable: Bounded[tuple[Any, ...], bool] = Bounded("costs", _STATEMENTS)
        self._roots: Bounded[tuple[Any, ...], Roots | None] = Bounded("roots", _STATEMENTS)
        self._statements: Bounded[tuple[Any, ...], Statement] = Bounded("statements", _STATEMENTS)

    def variables(self, given: Mapping[str, Any] | None) -> Any:
        """The variables as graphql-core coerces them; None if they are refused."""
        found = get_variable_values(self._schema, self._operation.variable_definitions or (), dict(given or {}))
        return None if isinstance(found, list) else found

    def affordable(self, variables: Any) -> bool:
        """Whether the query costs no more than the limit."""
        values = variables.coerced
        return self._affordable.get(
            tuple(values.get(name) for name in self._sizes),
            lambda: self._costs.of(self._document, self._operation, values).total <= self._costs.limit,
        )

    def roots(self, variables: Any) -> Roots | None:
        """The roots, for variables of `@include` and `@skip`; None if a field is not plain."""
        return self._roots.get(self._chosen(variables), lambda: self._plain_roots(variables))

    def statement(self, variables: Any, roots: Roots, listings: Sequence[Listing]) -> Statement:
        """The statement for the conditions that are set. Raises ``NotPlainError``."""
        key = (self._chosen(variables), *map(_shape, listings))
        return self._statements.get(key, lambda: compile_statement(self._spreading(variables), roots, listings))

    async def listing(self, context: Context, root: Root, variables: Any) -> Listing:
        """What a root was asked for.

        Raises:
            GraphQLError: an argument is not what the schema wants.
            AetheriusError: it breaks a rule, or the log does not answer.
        """
        given = get_argument_values(root.field, root.nodes[0], variables)
        made = {name: _made(root.field.args[name].type, value) for name, value in given.items()}
        return await listing(context, root.kind, made["filter"], made["first"], made["after"], made["asOf"])

    def _plain_roots(self, variables: Any) -> Roots | None:
        try:
            roots = self._find_roots(variables)
            compile_statement(self._spreading(variables), roots, [_anything(root) for root in lists_of(roots)])
        except NotPlainError:
            return None
        return roots

    def _find_roots(self, variables: Any) -> Roots:
        query = self._schema.query_type
        assert query
        fields = self._spreading(variables).fields(query, [self._operation.selection_set])
        roots = tuple(_root(key, nodes, query.fields) for key, nodes in fields.items())
        if not lists_of(roots):
            raise NotPlainError("{}")
        return roots

    def _spreading(self, variables: Any) -> Spreading:
        return Spreading(self._schema, self._fragments, variables)

    def _chosen(self, variables: Any) -> tuple[Any, ...]:
        return tuple(variables.coerced.get(name) for name in self._choosing)


def _root(key: str, nodes: list[FieldNode], fields: Mapping[str, Any]) -> Root | str:
    name = nodes[0].name.value
    if name == "__typename":
        return key
    field = fields.get(name)
    kind = _KINDS.get(get_named_type(field.type).name) if field else None
    if field is None or kind is None:
        raise NotPlainError(name)
    return Root(key, nodes, field, kind)


def lists_of(roots: Roots) -> list[Root]:
    """The roots that are lists."""
    return [root for root in roots if isinstance(root, Root)]


def _anything(root: Root) -> Listing:
    return Listing(root.kind.model, FILTERS[root.kind](), 1, None, None, None)


def _shape(listing: Listing) -> tuple[Any, ...]:
    """Which conditions are set: what a statement depends on."""
    if listing.occurred is not None:
        raise NotPlainError("occurredAt")
    wanted = listing.filter
    return (
        listing.first,
        listing.as_of is None,
        listing.before is None,
        *(type(getattr(wanted, name)) for name in wanted.__struct_fields__),
    )


def _made(type: Any, value: Any) -> Any:
    """An input object as the class that the schema was made from; any other value as it is."""
    while hasattr(type, "of_type"):
        type = type.of_type
    definition: Any = getattr(type, "extensions", {}).get("strawberry-definition")
    if not isinstance(value, dict) or not hasattr(definition, "origin"):
        return value
    names = {name: field.extensions["strawberry-definition"].python_name for name, field in type.fields.items()}
    return definition.origin(**{names[name]: each for name, each in value.items()})
