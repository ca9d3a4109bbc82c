"""The stored bytes of a report, straight from its message: what `event.encode` makes of `reported(message)`, without making the event.

Ingest does this for every event there is. It can, because a report has the fields of its message in the same order, but for the id (which names the stream)
and the time (which is in the envelope): the message is encoded once, and cut. A property test holds the two ways together.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from aetherius.domain.wire.event import EventMessage

_encode: Final = msgspec.json.Encoder().encode
_TIME: Final = b',"timestamp":"'
"""Found first where the field begins: in a text the quotes are escaped."""


def state_of(message: EventMessage, envelope: bytes) -> bytes:
    """The state to store; `envelope` is that of the message's cluster and trace."""
    return cut(_encode(message), envelope)


def cut(encoded: bytes, envelope: bytes) -> bytes:
    """The same, of a message that is encoded already."""
    start = encoded.index(_TIME) + len(_TIME)
    end = encoded.index(b'"', start) + 1
    return b"".join((b'{"at":"', encoded[start:end], envelope, encoded[end:], b"}"))


@lru_cache(4096)
def envelope_of(cluster_id: str, traceparent: str | None) -> bytes:
    """What all events of a message have in common: who says it, in which trace."""
    trace = b',"trace":' + _encode(traceparent) if traceparent else b""
    return b"".join((b',"by":', _encode(f"agent:{cluster_id}"), trace, b',"data":{"cluster_id":', _encode(cluster_id)))
