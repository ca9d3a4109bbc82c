"""Anchors in a bucket (S3, Google Cloud, Azure), or a folder that is treated like one: one object for each head, never written over."""

from __future__ import annotations

from collections.abc import Iterator

from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore, from_url

from aetherius.event_store.anchor import Anchor, AnchorUnavailableError, SignedHead, decoded


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
            self._store: ObjectStore = from_url(url)
        except (BaseError, ValueError) as exc:
            raise AnchorUnavailableError(url, str(exc)) from exc

    def append(self, head: SignedHead) -> None:
        """Put the object, unless it is there."""
        name = f"{head.position:020d}-{head.hash[:16]}.json"
        try:
            self._store.put(name, head.encode(), mode="create")
        except AlreadyExistsError:
            return
        except BaseError as exc:
            raise AnchorUnavailableError(self._url, str(exc)) from exc

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
        except BaseError as exc:
            raise AnchorUnavailableError(self._url, str(exc)) from exc

    def _get(self, name: str) -> bytes:
        try:
            return bytes(self._store.get(name).bytes())
        except BaseError as exc:
            raise AnchorUnavailableError(self._url, str(exc)) from exc
