"""Bodies of requests: as many bytes as are allowed and no more, also when they were compressed, whatever the headers promise."""

from __future__ import annotations

import zlib
from typing import Final

from starlette.types import Message, Receive, Scope

from aetherius.domain.errors import DomainError

_GZIP: Final = 16 + zlib.MAX_WBITS


class BodyRefusedError(DomainError):
    """Attributes: `status` (of HTTP), `field` (`body`, or a header), `rule`."""

    def __init__(self, status: int, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.status = status
        self.field = field
        self.rule = rule


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """The whole body, unpacked; None if the client went away.

    Raises:
        BodyRefusedError: it is longer than `limit`, or packed in another way than by gzip.
    """
    headers = dict(scope["headers"])
    encoding = headers.get(b"content-encoding", b"").strip().lower()
    length = headers.get(b"content-length", b"")
    if encoding not in (b"", b"identity", b"gzip", b"x-gzip"):
        raise BodyRefusedError(415, "Content-Encoding", "only gzip is taken")
    if length.isdigit() and (len(length) > 18 or int(length) > limit):
        raise too_long(limit)
    packed = await _received(receive, limit)
    if packed is None or encoding in (b"", b"identity"):
        return packed
    return _unpacked(packed, limit)


def too_long(limit: int) -> BodyRefusedError:
    """The refusal of a body that is too long."""
    return BodyRefusedError(413, "body", f"is longer than {limit} bytes")


def again(body: bytes, receive: Receive) -> Receive:
    """The same request once more, for who did not read it yet."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return first.pop() if first else await receive()

    return receive_again


def sized(scope: Scope, body: bytes) -> Scope:
    """The request's scope for a body that is not packed, and may have another length."""
    dropped = (b"content-length", b"content-encoding")
    headers = [(name, value) for name, value in scope["headers"] if name not in dropped]
    return {**scope, "headers": [*headers, (b"content-length", b"%d" % len(body))]}


async def _received(receive: Receive, limit: int) -> bytes | None:
    parts: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > limit:
            raise too_long(limit)
        if not message.get("more_body"):
            return b"".join(parts)


def _unpacked(packed: bytes, limit: int) -> bytes:
    unpacking = zlib.decompressobj(_GZIP)
    try:
        body = unpacking.decompress(packed, limit + 1)
    except zlib.error as exc:
        raise BodyRefusedError(400, "body", "is not gzip, as Content-Encoding says") from exc
    if len(body) > limit:
        raise too_long(limit)
    if not unpacking.eof or unpacking.unused_data:
        raise BodyRefusedError(400, "body", "is not one whole piece of gzip")
    return body
