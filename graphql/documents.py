"""Documents of clients, parsed and validated once: for the resolvers and for compiled lists alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

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

MAX_TOKENS: Final = 5000
_KEPT: Final = 512
_KEPT_TEXT: Final = 16 * 1024
"""Characters of a document that is kept: so the cache stays below some tens of megabytes."""

Check = Callable[[DocumentNode], list[GraphQLError]]


@dataclass(frozen=True)
class Document:
    """A document and what is wrong with it; `errors` is empty if it may be executed."""

    node: DocumentNode
    errors: list[GraphQLError]


class Documents:
    """Parses and validates, and keeps what it found."""

    def __init__(self, schema: GraphQLSchema, check: Check, trust: Callable[[str], list[GraphQLError]]) -> None:
        """`check`: what a valid document must hold to besides; its limits. `trust`: whether its text may be asked at all."""
        self._schema = schema
        self._check = check
        self._trust = trust
        self._kept: Bounded[str, Document] = Bounded("documents", _KEPT)

    def get(self, text: str) -> Document:
        """The document. Raises ``GraphQLError`` if it cannot be parsed."""
        if len(text) > _KEPT_TEXT:
            return self._made(text)
        return self._kept.get(text, lambda: self._made(text))

    def _made(self, text: str) -> Document:
        node = parse(text, max_tokens=MAX_TOKENS)
        if errors := self._trust(text):
            return Document(node, errors)
        errors = validate(self._schema, node, specified_rules)
        return Document(node, errors or self._check(node))


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
