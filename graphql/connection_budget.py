"""What the subscriptions of one connection may cost together: each payload of each of them is reckoned as a query is, for as long as they run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from graphql import GraphQLError, OperationType
from strawberry.extensions import SchemaExtension

from aetherius.access.error_codes import extensions_of
from aetherius.graphql.context import Context
from aetherius.graphql.cost import cost_of
from aetherius.graphql.errors import ConnectionFullError

QUERIES: Final = 4
"""As much as so many of the dearest queries."""


class ConnectionBudget(SchemaExtension):
    """Refuses a subscription that does not fit beside those that run on its connection."""

    def __init__(self, max_cost: int) -> None:
        """`max_cost`: of one operation."""
        self._limit = QUERIES * max_cost
        self._held = 0

    def on_operation(self) -> Iterator[None]:
        """Give back at the end."""
        try:
            yield
        finally:
            if self._held:
                self.execution_context.context.open_cost -= self._held

    def on_validate(self) -> Iterator[None]:
        """Take, once the document is known to be valid and not too expensive by itself."""
        context = self.execution_context
        connection = context.context
        if isinstance(connection, Context) and context.graphql_document and context.pre_execution_errors == []:
            operation, cost = cost_of(context)
            if operation is not None and operation.operation is OperationType.SUBSCRIPTION:
                if connection.open_cost + cost > self._limit:
                    error = ConnectionFullError(connection.open_cost + cost, self._limit)
                    context.pre_execution_errors = [
                        GraphQLError(str(error), original_error=error, extensions=extensions_of(error))
                    ]
                else:
                    connection.open_cost += cost
                    self._held = cost
        yield
