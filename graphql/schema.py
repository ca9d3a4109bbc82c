"""The schema: its types, limits and caches."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Container
from typing import Any

import strawberry
from graphql import GraphQLError, OperationType
from strawberry.schema.config import StrawberryConfig
from strawberry.types.execution import ExecutionResult, PreExecutionError

from aetherius.domain.errors import DomainError
from aetherius.graphql.breathing import BreathingExecutor
from aetherius.graphql.connection_budget import ConnectionBudget
from aetherius.graphql.context import Context
from aetherius.graphql.cost import CostLimit, Costs
from aetherius.graphql.documents import Documents, KnownDocuments
from aetherius.graphql.error_codes import ErrorCodes, coded
from aetherius.graphql.limits import within
from aetherius.graphql.lists.answer import CompiledLists
from aetherius.graphql.mutation import Mutation
from aetherius.graphql.operations import ANY, chosen, operation_named
from aetherius.graphql.persisted import PersistedDocuments
from aetherius.graphql.query import NODES, Query
from aetherius.graphql.replies import Answer, answered, refusal
from aetherius.graphql.scalars import SCALARS
from aetherius.graphql.subscription import Subscription

logger = logging.getLogger(__name__)


class ReadSchema(strawberry.Schema):
    """The schema with what was parsed and compiled for it. Errors are logged where they get their codes, not a second time."""

    documents: Documents
    lists: CompiledLists

    async def answer(
        self,
        context: Context,
        text: str,
        name: str | None,
        variables: dict[str, Any] | None,
        allowed: Container[OperationType],
    ) -> Answer:
        """The answer of an operation that is answered once."""
        if errors := await self._refused(text, name, allowed):
            return refusal(*errors)
        result = await self.execute(text, variable_values=variables, context_value=context, operation_name=name or None)
        return answered(result.data, result.errors)

    async def stream(self, query: str | None, *, operation_name: str | None = None, **more: Any) -> Any:  # type: ignore[override]
        """The results of an operation, one by one; of one that is refused its errors."""
        if errors := await self._refused(query or "", operation_name, ANY):
            return _told(errors)
        return await super().stream(query, operation_name=operation_name or None, **more)

    async def is_query(self, text: str, name: str | None) -> bool:
        """Whether an operation changes nothing, as far as can be told."""
        try:
            document = await self.documents.ready(text)
        except GraphQLError:
            return True
        operation = operation_named(document.node, name)
        return operation is None or operation.operation is OperationType.QUERY

    async def _refused(self, text: str, name: str | None, allowed: Container[OperationType]) -> list[GraphQLError]:
        """What speaks against executing it."""
        try:
            document = await self.documents.ready(text)
            if not document.errors:
                chosen(document.node, name, allowed)
        except GraphQLError as exc:
            return [coded(exc)]
        except DomainError as exc:
            return [coded(GraphQLError(str(exc), original_error=exc))]
        return [coded(error) for error in document.errors]

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Nothing more to do."""


async def _told(errors: list[GraphQLError]) -> AsyncGenerator[ExecutionResult, None]:
    yield PreExecutionError(data=None, errors=errors)


def create_schema(
    *, max_depth: int = 15, max_cost: int = 50_000, persisted: PersistedDocuments | None = None
) -> ReadSchema:
    """The schema with its limits: how deep a query nests, how many fields it asks for, each times the rows around it, and whether any document will do."""
    trusted = persisted or PersistedDocuments()
    schema = ReadSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=list(NODES.values()),
        config=StrawberryConfig(scalar_map=SCALARS),
        execution_context_class=BreathingExecutor,
        extensions=[
            lambda: ErrorCodes(),
            lambda: KnownDocuments(schema.documents),
            lambda: CostLimit(max_cost),
            lambda: ConnectionBudget(max_cost),
        ],
    )
    engine = schema._schema
    schema.documents = Documents(engine, within(max_depth), trusted.check)
    schema.lists = CompiledLists(engine, schema.documents, Costs(engine, max_cost))
    return schema


def sdl() -> str:
    """The schema in its definition language, as in docs/schema.graphql."""
    return create_schema().as_str() + "\n"
