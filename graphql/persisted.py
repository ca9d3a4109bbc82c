"""Documents that clients name by the SHA-256 of their text: trusted ones from a folder, and those that clients brought themselves (automatic persisted queries).

A server may be told to take trusted documents only: then nobody can ask it what its owners did not write.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from graphql import GraphQLError

from aetherius.access.error_codes import extensions_of
from aetherius.access.errors import InvalidArgumentError
from aetherius.graphql.bounded import Bounded
from aetherius.graphql.errors import DocumentsFolderError, PersistedQueryNotFoundError, UntrustedDocumentError

_BROUGHT: Final = 1000
_BROUGHT_TEXT: Final = 16 * 1024
"""Characters of a document that a client may leave here."""


class PersistedDocuments:
    """The texts by their hashes."""

    def __init__(self, folder: Path | None = None, *, only_trusted: bool = False) -> None:
        """Read the folder's `*.graphql`, below it too.

        Raises:
            DocumentsFolderError: it cannot be read, or is empty while only trusted documents are taken.
        """
        self._only_trusted = only_trusted
        self._trusted = _read(folder) if folder else {}
        self._brought: Bounded[str, str] = Bounded("persisted", _BROUGHT)
        if only_trusted and not self._trusted:
            raise DocumentsFolderError(folder or Path("(none)"), "has no documents, and no others are taken")

    def text(self, digest: str, brought: str) -> str:
        """The document of a hash; one that a client brings with it is kept.

        Raises:
            PersistedQueryNotFoundError: it is not known, and was not brought.
            InvalidArgumentError: the hash is not that of the text.
        """
        if brought:
            if digest_of(brought) != digest:
                raise InvalidArgumentError("extensions.persistedQuery.sha256Hash", "is not the SHA-256 of the query")
            if not self._only_trusted and len(brought) <= _BROUGHT_TEXT:
                self._brought.put(digest, brought)
            return brought
        found = self._trusted.get(digest) or self._brought.find(digest)
        if found is None:
            raise PersistedQueryNotFoundError
        return found

    def check(self, text: str) -> list[GraphQLError]:
        """What speaks against a document, whoever sends it and how."""
        if not self._only_trusted or digest_of(text) in self._trusted:
            return []
        error = UntrustedDocumentError()
        return [GraphQLError(str(error), original_error=error, extensions=extensions_of(error))]


def digest_of(text: str) -> str:
    """The name of a document."""
    return sha256(text.encode()).hexdigest()


def digest_asked(extensions: Mapping[str, Any] | None) -> str | None:
    """The hash that a request names a document by."""
    asked = (extensions or {}).get("persistedQuery")
    digest = asked.get("sha256Hash") if isinstance(asked, dict) else None
    return digest.lower() if isinstance(digest, str) else None


def _read(folder: Path) -> dict[str, str]:
    try:
        texts = [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.graphql"))]
    except (OSError, UnicodeError) as exc:
        raise DocumentsFolderError(folder, f"cannot be read ({exc})") from exc
    if not folder.is_dir():
        raise DocumentsFolderError(folder, "is not a folder")
    return {digest_of(text): text for text in texts}
