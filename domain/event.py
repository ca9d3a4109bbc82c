"""What an event is: a frozen fact with a topic, and the envelope that says who and what led to it.

Topics are explicit (`Incident.Opened.v1`): the module an event lives in may change, its topic never does. A new shape is a new version: the old
class keeps its topic under `_upcasters` as a function from the old fields to the new, and stored bytes are never rewritten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from aetherius.domain.errors import UnknownEventError, UnreadableEventError

_types: dict[str, type[Event]] = {}
_upcasters: dict[str, tuple[type[Event], Callable[[dict[str, Any]], dict[str, Any]]]] = {}


class _EventMeta(msgspec.StructMeta):
    """Gives each event class its topic and makes it known. A metaclass, as msgspec takes no class arguments but its own."""

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        stream: str = "",
        schema: int = 1,
        **struct: Any,
    ) -> Any:
        cls: Any = super().__new__(mcls, name, bases, namespace, **struct)
        if stream:
            cls.type_name = f"{stream}.{name}"
            cls.topic = f"{cls.type_name}.v{schema}"
            _types[cls.topic] = cls
        return cls


class Event(msgspec.Struct, metaclass=_EventMeta, frozen=True, kw_only=True, gc=False):
    """A fact of one stream. Subclasses give `stream` (its kind), and `schema` (its version, from 1) as class arguments.

    The kind and the class name make the topic: `class Opened(Event, stream="Incident")` is `Incident.Opened.v1`.
    """

    topic: ClassVar[str] = ""
    type_name: ClassVar[str] = ""
    """Topic without the version: `Incident.Opened`."""


class Unreadable(Event, frozen=True, kw_only=True, gc=False):
    """Stands for an event of the log that this version cannot read, as in a roll-out: its topic is not known, or what it says has another form.

    Who asked for nothing in particular may hand it on; who has to make something of it says that it cannot (`error`); everybody else passes it over.
    """

    topic: str  # type: ignore[misc]  # of this one event: there is no class for it
    reason: str
    """Why it cannot be read."""
    state: str
    """What it says, as it is stored."""

    @property
    def type_name(self) -> str:  # type: ignore[override]
        """Topic without the version."""
        return re.sub(r"\.v\d+$", "", self.topic)

    @property
    def cluster_id(self) -> str | None:
        """The cluster that it names, as events do."""
        try:
            told = msgspec.json.decode(self.state, type=_NamesCluster)
        except msgspec.DecodeError:
            return None
        return told.cluster_id or (told.target.cluster_id if told.target else None)

    @property
    def error(self) -> UnreadableEventError:
        """To be raised by who cannot do without it."""
        return UnreadableEventError(self.topic, self.reason)


class _Target(msgspec.Struct, gc=False):
    cluster_id: str | None = None


class _NamesCluster(_Target, gc=False):
    target: _Target | None = None


class Cause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Who and what led to an event.

    `actor` is `system:<component>`, `agent:<cluster>` or `user:<name>`; `correlation_id` names the story, `causation_id` the event or message before.
    An event without them begins a story of its own, which its own id names.
    """

    actor: str
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    traceparent: str | None = None

    def then(self, actor: str, causation_id: UUID) -> Cause:
        """The cause of what follows from an event of this cause: same story, same trace, one step on."""
        return Cause(
            actor=actor,
            correlation_id=self.correlation_id or causation_id,
            causation_id=causation_id,
            traceparent=self.traceparent,
        )


class Recorded(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event as the log gives it back: what was said, by whom, and where in the log it stands."""

    position: int
    """Place in the whole log, from 1, without gaps."""
    stream_id: UUID
    version: int
    """Place in the stream, from 1."""
    event: Event
    occurred_at: datetime
    cause: Cause

    @property
    def is_readable(self) -> bool:
        """Whether this version can read what was said."""
        return type(self.event) is not Unreadable

    @property
    def id(self) -> UUID:
        """Name of this event, for causation: derived from stream and version, so it needs no storage."""
        return event_id(self.stream_id, self.version)


def event_id(stream_id: UUID, version: int) -> UUID:
    """The id of version `version` of a stream; streams of one event (version 1) lend theirs."""
    return stream_id if version == 1 else UUID(int=(stream_id.int + version - 1) % (1 << 128))


class _Envelope(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    at: datetime
    by: str
    corr: UUID | None = None
    cause: UUID | None = None
    trace: str | None = None
    data: msgspec.Raw


_envelopes = msgspec.json.Decoder(_Envelope)
_encoder = msgspec.json.Encoder()
_EPOCH = datetime.fromtimestamp(0, UTC)


def encode(event: Event, occurred_at: datetime, cause: Cause) -> bytes:
    """The stored bytes of an event: one JSON object, envelope first."""
    return _encoder.encode(
        _Envelope(
            at=occurred_at,
            by=cause.actor,
            corr=cause.correlation_id,
            cause=cause.causation_id,
            trace=cause.traceparent,
            data=msgspec.Raw(_encoder.encode(event)),
        )
    )


def seal_data(state: bytes, seal: Callable[[str], str]) -> bytes:
    """Stored bytes in which what the event says is sealed; the envelope stays as it is."""
    envelope = _envelopes.decode(state)
    envelope.data = msgspec.Raw(_encoder.encode(seal(bytes(envelope.data).decode())))
    return _encoder.encode(envelope)


def open_data(state: bytes, unseal: Callable[[str], str]) -> bytes:
    """The stored bytes that `seal_data` was given. Raises ``ValidationError`` if what the event says is not sealed."""
    envelope = _envelopes.decode(state)
    envelope.data = msgspec.Raw(unseal(msgspec.json.decode(envelope.data, type=str)).encode())
    return _encoder.encode(envelope)


def decode(topic: str, state: bytes) -> tuple[Event, datetime, Cause]:
    """The event in stored bytes, when it happened, and its cause.

    Raises:
        UnknownEventError: the topic names no known event.
        ValidationError: these are not its fields, or they are sealed.
    """
    envelope = _envelopes.decode(state)
    cause = Cause(
        actor=envelope.by, correlation_id=envelope.corr, causation_id=envelope.cause, traceparent=envelope.trace
    )
    return _decode_data(topic, envelope.data), envelope.at, cause


def unreadable(topic: str, state: bytes, reason: str) -> tuple[Unreadable, datetime, Cause]:
    """What can be told of stored bytes that `decode` refuses. Without an envelope they are of the epoch, by `system:unknown`."""
    try:
        envelope = _envelopes.decode(state)
    except (msgspec.DecodeError, UnicodeDecodeError):
        envelope = _Envelope(at=_EPOCH, by="system:unknown", data=msgspec.Raw(state))
    cause = Cause(
        actor=envelope.by, correlation_id=envelope.corr, causation_id=envelope.cause, traceparent=envelope.trace
    )
    said = bytes(envelope.data).decode(errors="replace")
    return Unreadable(topic=topic, reason=reason, state=said), envelope.at, cause


def _decode_data(topic: str, data: msgspec.Raw) -> Event:
    if old := _upcasters.get(topic):
        new, upcast = old
        return msgspec.convert(upcast(msgspec.json.decode(data, type=dict[str, Any])), new)
    return _decoder(topic).decode(data)


@cache
def _decoder(topic: str) -> msgspec.json.Decoder[Event]:
    return msgspec.json.Decoder(event_type(topic))


def event_type(topic: str) -> type[Event]:
    """The class of a topic; of an old version's the class that it is read as. Raises ``UnknownEventError``."""
    if old := _upcasters.get(topic):
        return old[0]
    try:
        return _types[topic]
    except KeyError:
        raise UnknownEventError(topic) from None


def upcast(old_topic: str, new: type[Event]) -> Callable[[Callable[[dict[str, Any]], dict[str, Any]]], None]:
    """Decorator: the function turns the fields of an old topic into those of `new`."""

    def register(function: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        _upcasters[old_topic] = (new, function)

    return register


def topics_of(kinds: Iterable[str | type[Event]]) -> tuple[str, ...]:
    """Every topic (all versions) of the given kinds (`Incident.Opened`) or classes, for a filter; sorted.

    Raises:
        UnknownEventError: a kind that no event has.
    """
    topics: set[str] = set()
    for kind in kinds:
        name = kind if isinstance(kind, str) else kind.type_name
        found = {topic for topic in (*_types, *_upcasters) if re.sub(r"\.v\d+$", "", topic) == name}
        if not found:
            raise UnknownEventError(name)
        topics |= found
    return tuple(sorted(topics))


def all_topics() -> tuple[str, ...]:
    """Every topic that this version can read, sorted."""
    return tuple(sorted({*_types, *_upcasters}))
