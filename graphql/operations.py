"""Which operation of a document a request means, and whether it may be asked for the way the request came."""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from graphql import DocumentNode, OperationDefinitionNode, OperationType

from aetherius.graphql.errors import OperationNotFoundError, WrongTransportError

PLAIN: Final = frozenset({OperationType.QUERY, OperationType.MUTATION})
"""What one answer is enough for."""
ANY: Final = frozenset(OperationType)


def operation_named(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """The operation of a name, or the only one; None if there is none, or more than one without a name."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if not name:
        return operations[0] if len(operations) == 1 else None
    return next((node for node in operations if node.name and node.name.value == name), None)


def chosen(document: DocumentNode, name: str | None, allowed: Container[OperationType]) -> OperationDefinitionNode:
    """The operation that a request means.

    Raises:
        OperationNotFoundError: the document has none of that name, or several and the request names none.
        WrongTransportError: it is a subscription, and one answer would be its end.
    """
    operation = operation_named(document, name)
    if operation is None:
        raise OperationNotFoundError(name)
    if operation.operation not in allowed:
        raise WrongTransportError
    return operation
