"""Documents of clients, parsed and validated once: for the resolvers and for compiled lists alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import anyio
import anyio.to_thread
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    parse,
    specified_rules,
    validate,
)
from strawberry.extensions import SchemaExtension

from aetherius.graphql.bounded import Bounded
from aetherius.graphql.error_codes import invalid
from aetherius.graphql.limits import too_nested, written_limits

MAX_TOKENS: Final = 5000
_KEPT: Final = 512
KEPT_TEXT: Final = 16 * 1024
"""Characters of a document that is kept among many: so the cache stays below some tens of megabytes."""
_KEPT_LONG: Final = 8
_SHORT: Final = 400
"""Characters of a document that is looked at at once: even a hostile one takes a few milliseconds."""

Check = Callable[[DocumentNode], list[GraphQLError]]


@dataclass(frozen=True)
class Document:
    """A document and what is wrong with it; `errors` is empty if it may be executed."""

    node: DocumentNode
    errors: list[GraphQLError]


class Documents:
    """Parses and validates, and keeps what it found. Of one event loop; long documents are looked at in a thread beside it."""

    def __init__(self, schema: GraphQLSchema, check: Check, trust: Callable[[str], list[GraphQLError]]) -> None:
        """`check`: what a valid document must hold to besides; its limits. `trust`: whether its text may be asked at all."""
        self._schema = schema
        self._check = check
        self._trust = trust
        self._kept: Bounded[str, Document] = Bounded("documents", _KEPT)
        self._long: Bounded[str, Document] = Bounded("long_documents", _KEPT_LONG)
        self._thread = anyio.CapacityLimiter(1)

    def get(self, text: str) -> Document:
        """The document. Raises ``GraphQLError`` if it cannot be parsed."""
        return self._place(text).get(text, lambda: self._made(text))

    async def ready(self, text: str) -> Document:
        """The document, made without keeping the event loop. Raises as `get`."""
        kept = self._place(text)
        if text not in kept and len(text) > _SHORT:
            kept.put(text, await anyio.to_thread.run_sync(self._made, text, limiter=self._thread))
        return self.get(text)

    def _place(self, text: str) -> Bounded[str, Document]:
        return self._kept if len(text) <= KEPT_TEXT else self._long

    def _made(self, text: str) -> Document:
        try:
            node = parse(text, max_tokens=MAX_TOKENS)
            errors = self._trust(text) or written_limits(node) or self._invalid(node) or self._check(node)
        except RecursionError:
            raise too_nested() from None
        return Document(node, errors)

    def _invalid(self, node: DocumentNode) -> list[GraphQLError]:
        return [invalid(error) for error in validate(self._schema, node, specified_rules)]


class KnownDocuments(SchemaExtension):
    """Gives the schema's engine the documents that we keep."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def on_parse(self) -> Iterator[None]:
        """A document that cannot be parsed is left to the engine, which says why."""
        context = self.execution_context
        context.parse_options["max_tokens"] = MAX_TOKENS
        if context.query:
            with suppress(GraphQLError):
                context.graphql_document = self._documents.get(context.query).node
        yield

    def on_validate(self) -> Iterator[None]:
        """An empty list says: validated, and nothing was found."""
        context: Any = self.execution_context
        if context.query and context.graphql_document:
            context.pre_execution_errors = list(self._documents.get(context.query).errors)
        yield
