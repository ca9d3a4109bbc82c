"""The schema: its types, limits and caches."""

from __future__ import annotations

import logging
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

from aetherius.graphql.connection_budget import ConnectionBudget
from aetherius.graphql.cost import CostLimit, Costs
from aetherius.graphql.documents import Documents, KnownDocuments
from aetherius.graphql.error_codes import ErrorCodes
from aetherius.graphql.limits import within
from aetherius.graphql.lists.answer import CompiledLists
from aetherius.graphql.mutation import Mutation
from aetherius.graphql.persisted import PersistedDocuments
from aetherius.graphql.query import NODES, Query
from aetherius.graphql.scalars import SCALARS
from aetherius.graphql.subscription import Subscription

logger = logging.getLogger(__name__)


class ReadSchema(strawberry.Schema):
    """The schema with what was parsed and compiled for it. Errors are logged where they get their codes, not a second time."""

    documents: Documents
    lists: CompiledLists

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Nothing more to do."""


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
