"""The schema: its types, limits and caches."""

from __future__ import annotations

import logging
from typing import Any, Final

import strawberry
from graphql import GraphQLError
from strawberry.extensions import MaxTokensLimiter, ParserCache, QueryDepthLimiter, ValidationCache
from strawberry.schema.config import StrawberryConfig

from aetherius.graphql.cost import CostLimit
from aetherius.graphql.error_codes import ErrorCodes
from aetherius.graphql.mutation import Mutation
from aetherius.graphql.query import NODES, Query
from aetherius.graphql.scalars import SCALARS
from aetherius.graphql.subscription import Subscription

MAX_TOKENS: Final = 5000
_CACHED: Final = 256

logger = logging.getLogger(__name__)


class ReadSchema(strawberry.Schema):
    """Errors are logged where they get their codes, not a second time."""

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Nothing more to do."""


def create_schema(*, max_depth: int = 15, max_cost: int = 50_000) -> ReadSchema:
    """The schema with its limits: how deep a query nests, and how many fields it asks for, each times the rows around it."""
    return ReadSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=list(NODES.values()),
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[
            lambda: ErrorCodes(),
            lambda: MaxTokensLimiter(MAX_TOKENS),
            lambda: QueryDepthLimiter(max_depth),
            lambda: ParserCache(_CACHED),
            lambda: ValidationCache(_CACHED),
            lambda: CostLimit(max_cost),
        ],
    )


def sdl() -> str:
    """The schema in its definition language, as in docs/schema.graphql."""
    return create_schema().as_str() + "\n"
