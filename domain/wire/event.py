"""The event message: what an agent saw, one object or up to 100 as JSON lines."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from aetherius.domain.errors import InvalidMessageError

MAX_BATCH = 100
"""Events in one message."""
MAX_EVENT_BYTES = 64 * 1024
"""One event as JSON; an agent shortens messages, so a larger one is refused."""

EVENT = "k8s_event"
ASIDE = "k8s_aside."
"""Begins the type of a report that is no sign of trouble, though it reads like one."""

Name = Annotated[str, msgspec.Meta(max_length=253)]


class Severity(enum.StrEnum):
    """How bad an event is, by the catalogue of event reasons."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 (low) to 3 (critical), for comparing."""
        return ("low", "medium", "high", "critical").index(self.value)


class Labels(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The object an event is about, and the workload that owns it (the top of its owner references); of a node, the zone that it lies in (kind `Zone`)."""

    kind: Name
    name: Name
    node: Name = ""
    owner_kind: Name = ""
    owner_name: Name = ""


class RawData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What Kubernetes said, as far as rules need it."""

    count: int = 1
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    container: str = ""
    exit_code: int | None = None
    restart_count: int | None = None
    memory_limit: str = ""
    """The container's limit as a quantity (`64Mi`), empty for none."""
    image: str = ""


class EventMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One thing that happened in a cluster.

    `type` is `k8s_event`, or `k8s_aside.WHY` for what reads like trouble and is none of the workload's: `ephemeral` (a debugging container), `leaving` (the
    pod was told to go), `finished` (the pod is done), `stopped` (with its pod), `past` (the pod or node has been Ready since), `replaced` (its controller makes another
    pod) and `planned` (the node is serviced or removed). `source` is the reporting component (`kubelet`) for an event of the API, `container_status` or `node_status` for what the agent read from a
    status. `sequence` has no gaps per agent and epoch.
    """

    id: Name
    cluster_id: Name
    timestamp: datetime
    type: Name = EVENT
    source: Name
    severity: Severity
    reason: Name
    message: Annotated[str, msgspec.Meta(max_length=16_384)]
    namespace: Name = ""
    labels: Labels
    raw_data: RawData = RawData()
    agent_id: Name
    epoch: Annotated[int, msgspec.Meta(ge=1)]
    sequence: Annotated[int, msgspec.Meta(ge=1)]
    uid: Name = ""
    resource_version: Name = ""

    def __post_init__(self) -> None:
        if self.timestamp.tzinfo is None:
            raise ValueError("timestamp has no time zone")


_decoder = msgspec.json.Decoder(EventMessage)
_encoder = msgspec.json.Encoder()


def encode_lines(events: Iterable[EventMessage]) -> bytes:
    """Events as JSON lines; the number goes into the `Aetherius-Batch` header."""
    return _encoder.encode_lines(list(events))


def decode_event(line: bytes | memoryview) -> EventMessage:
    """One event object.

    Raises:
        InvalidMessageError: too large, not JSON, or a field breaks a rule (named in the error).
    """
    if len(line) > MAX_EVENT_BYTES:
        raise InvalidMessageError("event", f"{len(line)} bytes, more than {MAX_EVENT_BYTES}")
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, ValueError) as exc:
        raise InvalidMessageError("event", str(exc)) from exc


def split_lines(payload: bytes, batch: int | None) -> Sequence[bytes]:
    """The event objects of a message: the whole payload without a batch header, else its lines.

    Raises:
        InvalidMessageError: the number of lines is not the header's, or over the limit.
    """
    if batch is None:
        return [payload]
    lines = payload.splitlines()
    if len(lines) != batch or not 1 <= batch <= MAX_BATCH:
        raise InvalidMessageError(
            "batch", f"header says {batch} events, payload has {len(lines)} (at most {MAX_BATCH})"
        )
    return lines
