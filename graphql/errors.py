"""Errors of the read API: leaves of the tree in `domain/errors.py`, beside those in `access/errors.py`.

DomainError
+-- InvalidArgumentError (of access)
|   +-- BadRequestError     what came is no question
+-- TooExpensiveError       a query asks for too much
+-- TooDeepError            a query nests too deep
+-- TooNestedError          a document nests deeper than it can be read
+-- TooBroadError           a query has too many fields or aliases
+-- NotPlainError           a list that is not answered by one statement; never told to a client
+-- UntrustedDocumentError  only trusted documents are taken here
+-- PersistedQueryNotFoundError   send the text with the hash, once
+-- OperationNotFoundError  the document has no such operation, or several and none is named
+-- WrongTransportError     a subscription that was asked for where one answer is given
InfrastructureError
+-- DocumentsFolderError    the trusted documents cannot be read
+-- TooManySubscriptionsError   ask again when others have ended
+-- ConnectionFullError     ask again when others of the same connection have ended
"""

from __future__ import annotations

from pathlib import Path

from aetherius.access.errors import InvalidArgumentError
from aetherius.domain.errors import DomainError, InfrastructureError


class TooExpensiveError(DomainError):
    """Attributes: `cost`, `limit`, `field` (the path to what costs most)."""

    def __init__(self, cost: int, limit: int, field: str) -> None:
        super().__init__(
            f"the query may ask for {limit} fields at most, and asks for up to {cost}, most of them at {field}: ask for fewer rows or fields"
        )
        self.cost = cost
        self.limit = limit
        self.field = field


class TooDeepError(DomainError):
    """Attributes: `depth`, `limit`, `field` (the path to the deepest)."""

    def __init__(self, depth: int, limit: int, field: str) -> None:
        super().__init__(f"the query has a depth of {depth} levels at {field}: {limit} are allowed")
        self.depth = depth
        self.limit = limit
        self.field = field


class TooNestedError(DomainError):
    """A document that nests deeper than it can be read. Attributes: `field` (`query`), `rule`."""

    def __init__(self) -> None:
        self.field = "query"
        self.rule = "nests deeper than it can be read"
        super().__init__(f"{self.field}: {self.rule}")


class TooBroadError(DomainError):
    """Attributes: `field` (what there is too much of), `count`, `limit`."""

    def __init__(self, field: str, count: int, limit: int) -> None:
        super().__init__(f"the query has {count} {field}: {limit} are allowed")
        self.field = field
        self.count = count
        self.limit = limit


class NotPlainError(DomainError):
    """A query is more than a list of plain fields: its resolvers answer it. Attribute: `name` (the field that is not plain)."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not a plain field")
        self.name = name


class UntrustedDocumentError(DomainError):
    """This server takes trusted documents only."""

    def __init__(self) -> None:
        super().__init__("only trusted documents are taken here: ask those who run this server to add yours")


class PersistedQueryNotFoundError(DomainError):
    """No document of that hash is known. The message is what clients of the protocol look for."""

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")


class BadRequestError(InvalidArgumentError):
    """A request that is no question. Attributes: `field` (of the request), `rule`."""


class OperationNotFoundError(DomainError):
    """Attributes: `field` (`operationName`), `rule`."""

    def __init__(self, name: str | None) -> None:
        self.field = "operationName"
        self.rule = (
            "the document has no operation of that name" if name else "the document has several operations: name one"
        )
        super().__init__(f"{self.field}: {self.rule}")


class WrongTransportError(DomainError):
    """A subscription, and one answer would be its end. Attributes: `field` (`query`), `rule`."""

    def __init__(self) -> None:
        self.field = "query"
        self.rule = "subscriptions come over WebSocket (graphql-transport-ws), or as server-sent events (Accept: text/event-stream)"
        super().__init__(self.rule)


class DocumentsFolderError(InfrastructureError):
    """Attributes: `path`, `rule`."""

    def __init__(self, path: Path, rule: str) -> None:
        super().__init__(f"trusted documents {path}: {rule}")
        self.path = path
        self.rule = rule


class TooManySubscriptionsError(InfrastructureError):
    """Attribute: `limit`."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} subscriptions are open already: try again later")
        self.limit = limit


class ConnectionFullError(InfrastructureError):
    """The subscriptions of one connection cost too much together. Attributes: `cost` (with the new one), `limit`."""

    def __init__(self, cost: int, limit: int) -> None:
        super().__init__(
            f"the subscriptions of this connection would cost {cost}, and {limit} is the most: end some, or open another connection"
        )
        self.cost = cost
        self.limit = limit
