"""How errors look to a client: a code, and the field and rule that were broken; what nobody foresaw is logged and named by a number only."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from graphql import GraphQLError, GraphQLSyntaxError, VariableDefinitionNode
from strawberry.extensions import SchemaExtension

from aetherius.access.error_codes import extensions_of
from aetherius.domain.errors import AetheriusError, InfrastructureError
from aetherius.graphql.metrics import ERRORS

logger = logging.getLogger(__name__)


class ErrorCodes(SchemaExtension):
    """Gives errors their codes, in answers and in every payload of a subscription."""

    def on_operation(self) -> Iterator[None]:
        """After a query or mutation."""
        yield
        self._code(self.execution_context.result)

    def on_stream_result(self, result: Any) -> Iterator[None]:
        """Before each payload."""
        self._code(result)
        yield

    def _code(self, result: Any) -> None:
        if errors := getattr(result, "errors", None):
            result.errors = [coded(error) for error in errors]


def coded(error: GraphQLError) -> GraphQLError:
    """The error as a client may see it; counted, and logged if it is for those who run this."""
    result = _coded(error)
    ERRORS.labels((result.extensions or {}).get("code", "GRAPHQL")).inc()
    return result


def _coded(error: GraphQLError) -> GraphQLError:
    cause = error.original_error
    if isinstance(cause, AetheriusError):
        if isinstance(cause, InfrastructureError):
            logger.warning("a question was not answered: %s", cause)
        return _like(error, str(cause), extensions_of(cause))
    if isinstance(error, GraphQLSyntaxError):
        return _like(error, error.message, {"code": "GRAPHQL_PARSE_FAILED", "field": "query", "rule": error.message})
    if error.extensions and "code" in error.extensions:
        return error
    if cause is None or isinstance(cause, GraphQLError) or (error.path is None and error.nodes):
        return _like(error, error.message, {"code": "BAD_USER_INPUT", **_named(error)})
    number = uuid4().hex[:12]
    logger.error("error %s in a resolver", number, exc_info=cause)
    return _like(error, f"internal error {number}", {"code": "INTERNAL", "error": number})


def invalid(error: GraphQLError) -> GraphQLError:
    """An error of validation, with its code and the name of the field, argument or variable that it is about."""
    return _like(error, error.message, {"code": "GRAPHQL_VALIDATION_FAILED", **_named(error)})


def _named(error: GraphQLError) -> dict[str, str]:
    """What an error of the engine is about, by the nodes it names."""
    for node in reversed(error.nodes or ()):
        named: Any = node.variable if isinstance(node, VariableDefinitionNode) else node
        if name := getattr(getattr(named, "name", None), "value", None):
            return {"field": name, "rule": error.message}
    return {"rule": error.message}


def _like(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
