"""Anchors in a bucket (S3, Google Cloud, Azure), or a folder that is treated like one: one object for each head, never written over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore, from_url

from aetherius.event_store.audit.anchor import Anchor, AnchorUnavailableError, SignedHead, decoded

if TYPE_CHECKING:
    from obstore.store import RetryConfig

_RETRY: Final[RetryConfig] = {"max_retries": 3, "retry_timeout": timedelta(seconds=15)}
"""Whoever notes heads tries again by itself: a bucket that is away must not hold up the process's end for minutes."""
_AWAY: Final = (BaseError, OSError)
"""What the library raises: a bucket that is not there is Python's own `FileNotFoundError`."""


class AnchorBucket:
    """Objects `<position, 20 digits>-<start of the hash>.json`: their names are in the log's order, and a head noted again is the same object.

    With an object lock (write once, read many) nobody can take one back.
    """

    def __init__(self, url: str) -> None:
        """`url`: as `s3://bucket/folder`; credentials come from the environment, as the provider's own tools read them.

        Raises:
            AnchorUnavailableError: not a URL of a bucket.
        """
        self._url = url
        try:
            self._store: ObjectStore = from_url(url, retry_config=_RETRY)
        except (BaseError, ValueError) as exc:
            raise AnchorUnavailableError(url, _reason(exc)) from exc

    def append(self, head: SignedHead) -> None:
        """Put the object, unless it is there."""
        name = f"{head.position:020d}-{head.hash[:16]}.json"
        try:
            self._store.put(name, head.encode(), mode="create")
        except AlreadyExistsError:
            return
        except _AWAY as exc:
            raise AnchorUnavailableError(self._url, _reason(exc)) from exc

    def last(self) -> SignedHead | None:
        """The head of the highest position: lists the whole bucket."""
        names = sorted(self._names())
        return decoded(self._get(names[-1])) if names else None

    def anchors(self, key_id: str = "") -> Iterator[Anchor]:
        """One request for each."""
        for name in self._names():
            head = decoded(self._get(name))
            yield head.anchor(name, key_id) if head else Anchor(0, b"", name, "is no anchor")

    def _names(self) -> Iterator[str]:
        try:
            for objects in self._store.list():
                yield from (found["path"] for found in objects)
        except _AWAY as exc:
            raise AnchorUnavailableError(self._url, _reason(exc)) from exc

    def _get(self, name: str) -> bytes:
        try:
            return bytes(self._store.get(name).bytes())
        except _AWAY as exc:
            raise AnchorUnavailableError(self._url, _reason(exc)) from exc


def _reason(exc: Exception) -> str:
    """The first line: the others are the library's insides, and the server's answer."""
    return next(iter(str(exc).splitlines()), type(exc).__name__)
