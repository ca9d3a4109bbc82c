"""Answers queries of lists with one statement each. None for every query that is more than that, or that has something wrong with it: the schema's own engine
answers those, and so finds the words for every error but that of a read model which does not answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from graphql import GraphQLError, GraphQLSchema

from aetherius.domain.errors import AetheriusError, DomainError, InfrastructureError
from aetherius.graphql.bounded import Bounded
from aetherius.graphql.context import Context
from aetherius.graphql.cost import Costs
from aetherius.graphql.documents import KEPT_TEXT, Documents
from aetherius.graphql.error_codes import coded
from aetherius.graphql.errors import NotPlainError
from aetherius.graphql.lists.plan import Plan, lists_of
from aetherius.graphql.lists.statement import Root
from aetherius.graphql.lists.values import REPLACED
from aetherius.graphql.operations import operation_named

logger = logging.getLogger(__name__)

_PLANS: Final = 512


class CompiledLists:
    """The plans of the queries that were asked lately."""

    def __init__(self, schema: GraphQLSchema, documents: Documents, costs: Costs) -> None:
        self._schema = schema
        self._documents = documents
        self._costs = costs
        self._plans: Bounded[tuple[str, str | None], Plan | None] = Bounded("plans", _PLANS)

    async def answer(
        self, context: Context, text: str, operation: str | None, variables: Mapping[str, Any] | None
    ) -> bytes | None:
        """The answer as JSON, or None."""
        key = (text, operation)
        if key not in self._plans and (len(text) > KEPT_TEXT or not await self._is_ready(text)):
            return None
        plan = self._plans.get(key, lambda: self._plan(text, operation))
        if plan is None:
            return None
        coerced = plan.variables(variables)
        if coerced is None or not plan.affordable(coerced):
            return None
        try:
            return await self._answer(context, plan, coerced)
        except (DomainError, GraphQLError):
            return None

    async def _is_ready(self, text: str) -> bool:
        try:
            await self._documents.ready(text)
        except GraphQLError:
            return False
        return True

    def _plan(self, text: str, operation: str | None) -> Plan | None:
        try:
            document = self._documents.get(text)
            chosen = operation_named(document.node, operation)
            if document.errors or chosen is None:
                return None
            return Plan(self._schema, document.node, chosen, self._costs)
        except (NotPlainError, GraphQLError):
            return None

    async def _answer(self, context: Context, plan: Plan, variables: Any) -> bytes | None:
        roots = plan.roots(variables)
        if roots is None:
            return None
        lists, listings, root = lists_of(roots), [], None
        try:
            for root in lists:
                listings.append(await plan.listing(context, root, variables))
            statement = plan.statement(variables, roots, listings)
            for root, wanted in zip(lists, listings, strict=True):  # noqa: B007  # an error is of this one
                await context.models.arrive(wanted.model, wanted.as_of)
            printed = await context.models.document(statement.sql, statement.values(listings))
        except InfrastructureError as exc:
            return _refusal(root or lists[0], exc)
        return None if printed is None or REPLACED in printed else printed


def _refusal(root: Root, cause: AetheriusError) -> bytes:
    error = coded(GraphQLError(str(cause), nodes=root.nodes, path=[root.key], original_error=cause))
    return msgspec.json.encode({"data": None, "errors": [error.formatted]})
