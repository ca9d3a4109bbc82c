"""The fast way for a packed message in which every event is as it should be: as good as all there are.

Each step is one call for the whole message where it can be, and the rules that are left are compared in one loop. What does not pass here is neither refused
nor explained: it goes the careful way (`admission.py`), which looks at each line by itself. Both give the same bytes; a property test holds them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from eventsourcing.persistence import StoredEvent

from aetherius.domain.cluster_event import Reported
from aetherius.domain.report_state import cut
from aetherius.domain.wire.event import MAX_EVENT_BYTES, EventMessage, RawData
from aetherius.domain.wire.identity import TIME_SHIFT

MAX_SEQUENCE: Final = 2**53
"""Above every number an agent can reach, and exact in every JSON reader."""
MAX_COUNT: Final = 2**31 - 1

_Count = Annotated[int, msgspec.Meta(ge=-MAX_COUNT, le=MAX_COUNT)]


class _RawData(RawData, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """With its numbers bounded."""

    count: _Count = 1
    exit_code: _Count | None = None
    restart_count: _Count | None = None


_BOUNDED: Final[dict[str, Any]] = {
    "id": (UUID,),
    "epoch": (Annotated[int, msgspec.Meta(ge=1, le=MAX_COUNT)],),
    "sequence": (Annotated[int, msgspec.Meta(ge=1, le=MAX_SEQUENCE)],),
    "raw_data": (_RawData, _RawData()),
}
"""Types, and defaults, of the fields that have more rules than on the wire."""


def _fields() -> list[Any]:
    known = msgspec.structs.fields(EventMessage)
    return [
        (each.name, *_BOUNDED[each.name])
        if each.name in _BOUNDED
        else (each.name, each.type)
        if each.required
        else (each.name, each.type, each.default)
        for each in known
    ]


_Packed: Final[Any] = msgspec.defstruct(
    "_Packed", _fields(), frozen=True, kw_only=True, omit_defaults=True, gc=False, module=__name__
)
"""An event message without code of its own that runs for each one."""
_decode_lines: Final = msgspec.json.Decoder(_Packed).decode_lines
_encode: Final = msgspec.json.Encoder().encode
_places: Final = attrgetter("cluster_id", "timestamp", "id")


def packed(
    payload: bytes, lines: Sequence[bytes], cluster_id: str, oldest: datetime, latest: datetime, envelope: bytes
) -> list[StoredEvent] | None:
    """The events of a message, if all of them keep every rule; else None: look at its lines.

    Args:
        lines: of the payload, as many as its header says.
        oldest: of the times that are accepted.
        latest: the same.
    """
    if b"\\u0000" in payload or b"\r" in payload or len(max(lines, key=len)) > MAX_EVENT_BYTES:
        return None
    try:
        messages: list[Any] = _decode_lines(payload)
        if len(messages) != len(lines):
            return None
        stored = []
        for message in messages:
            cluster, at, id = _places(message)
            if (
                cluster != cluster_id
                or not oldest <= at <= latest
                or id.int >> TIME_SHIFT != int(at.timestamp() * 1000)
            ):
                return None
            stored.append(StoredEvent(id, 1, Reported.topic, cut(_encode(message), envelope)))
    except (msgspec.DecodeError, ValueError, TypeError):  # TypeError: a time without a zone
        return None
    return stored
