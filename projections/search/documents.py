"""From events to documents: a report becomes one, every decided event becomes one, and each event of an incident makes its document anew.

Nothing that is marked secret (`domain/secrets.py`) is searched or told here: what the log holds sealed stays sealed, what it holds in plain, from before there were keys, is
withheld. The same events give the same documents, whatever batches they come in: an incident is folded from its own stream.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from aetherius.domain import secrets
from aetherius.domain.cluster_event import Reported
from aetherius.domain.event import Event, Recorded
from aetherius.domain.keyring import is_sealed
from aetherius.event_store.log import Log
from aetherius.projections.incidents import IncidentRow, Incidents
from aetherius.projections.search.document import LONGEST_NAME, Document, Kind
from aetherius.projections.search.query import milliseconds
from aetherius.projections.search.words import text_of

WITHHELD: Final = "[withheld: it was stored before there were keys]"
_REMEMBERED: Final = 10_000
"""Incidents whose state is kept between batches; others are folded from their streams again."""
_INCIDENT: Final = "Incident."
_MODEL: Final = Incidents()
_ALIKE: Final = ("cluster_id", "namespace", "severity", "status", "symptom", "root_cause", "reason", "node")
"""Fields that events and documents call the same."""


class Documents:
    """Makes documents of events. Of one reader, in one thread at a time."""

    def __init__(self, log: Log) -> None:
        """`log`: gives the stream of an incident that is not remembered."""
        self._log = log
        self._incidents: OrderedDict[UUID, IncidentRow] = OrderedDict()

    def of(self, batch: Sequence[Recorded]) -> list[Document]:
        """The documents that events make or change, no id twice; the events are in order of position, none left out between first and last.

        Raises:
            LogUnavailableError: safe to repeat.
        """
        made: list[Document] = []
        changed: dict[UUID, Document] = {}
        for recorded in batch:
            event = recorded.event
            if isinstance(event, Reported):
                made.append(_observation(recorded, event))
                continue
            made.append(_decision(recorded))
            if recorded.is_readable and event.topic.startswith(_INCIDENT) and (row := self._incident(recorded)):
                changed[row.id] = _of_incident(row, recorded.position)
        return [*made, *changed.values()]

    def _incident(self, recorded: Recorded) -> IncidentRow | None:
        """The incident after an event of its stream."""
        id = recorded.stream_id
        row = self._incidents.pop(id, None)
        if recorded.version == 1 or (row and row.version == recorded.version - 1):
            row = _MODEL.evolve(row if recorded.version > 1 else None, recorded)
        else:
            row = None
            for each in self._log.stream(id, 1, recorded.version):
                row = _MODEL.evolve(row, each) if each.is_readable else row
        if row:
            self._incidents[id] = row
            if len(self._incidents) > _REMEMBERED:
                self._incidents.popitem(last=False)
        return row


def event_document_id(recorded: Recorded) -> str:
    """Of an event of the audit trail."""
    return f"{recorded.stream_id}.{recorded.version}"


def _observation(recorded: Recorded, event: Reported) -> Document:
    labels, id = event.labels, str(recorded.stream_id)
    parts = (
        event.message,
        event.reason,
        labels.name,
        labels.kind,
        event.namespace,
        event.cluster_id,
        labels.node,
        labels.owner_name,
        event.source,
    )
    return Document(
        id=id,
        kind=Kind.OBSERVATION,
        position=recorded.position,
        type=event.type_name,
        stream_id=id,
        version=recorded.version,
        occurred_at=milliseconds(recorded.occurred_at),
        cluster_id=_name(event.cluster_id),
        namespace=_name(event.namespace),
        severity=event.severity.value,
        reason=_name(event.reason),
        object_kind=_name(labels.kind),
        object_name=_name(labels.name),
        node=_name(labels.node),
        owner_kind=_name(labels.owner_kind),
        owner_name=_name(labels.owner_name),
        source=_name(event.source),
        actor=_name(recorded.cause.actor),
        correlation_id=_id(recorded.cause.correlation_id),
        count=event.raw_data.count,
        message=event.message,
        text=text_of(parts),
    )


def _decision(recorded: Recorded) -> Document:
    event, cause = recorded.event, recorded.cause
    public = secrets.sealed(event, recorded.stream_id, _Left(""))
    target = getattr(public, "target", None)
    found: dict[str, Any] = {name: _name(_text(public, name) or _text(target, name)) for name in _ALIKE}
    return Document(
        id=event_document_id(recorded),
        kind=Kind.EVENT,
        position=recorded.position,
        type=event.type_name,
        stream_id=str(recorded.stream_id),
        version=recorded.version,
        occurred_at=milliseconds(recorded.occurred_at),
        object_kind=_name(_text(public, "kind") or _text(target, "kind")),
        object_name=_name(_text(public, "name") or _text(target, "name")),
        actor=_name(cause.actor),
        correlation_id=_id(cause.correlation_id),
        message=_text(public, "summary") or _text(public, "message"),
        text=text_of((event.type_name, cause.actor, *_texts(msgspec.to_builtins(public)))),
        data=_said(event, recorded.stream_id),
        **found,
    )


def _of_incident(row: IncidentRow, position: int) -> Document:
    public = secrets.sealed(row, row.id, _Left(""))
    parts = (
        public.message,
        *public.reasons,
        public.diagnosis,
        public.summary,
        public.name,
        public.kind,
        public.namespace,
        public.cluster_id,
        public.node,
        *public.pods,
        public.symptom,
        public.root_cause or "",
    )
    return Document(
        id=str(row.id),
        kind=Kind.INCIDENT,
        position=position,
        type="Incident",
        stream_id=str(row.id),
        version=row.version,
        occurred_at=milliseconds(row.opened_at),
        cluster_id=_name(public.cluster_id),
        namespace=_name(public.namespace),
        severity=public.severity.value,
        status=public.status.value,
        symptom=public.symptom,
        root_cause=public.root_cause or "",
        reason=_name(public.reason),
        object_kind=_name(public.kind),
        object_name=_name(public.name),
        node=_name(public.node),
        count=public.event_count,
        message=public.summary or public.diagnosis or public.message,
        text=text_of(parts),
    )


class _Left:
    """Keeps what is sealed, or has another text in its stead; puts one for what is not sealed."""

    def __init__(self, plain: str, *, keep: bool = False) -> None:
        self._plain, self._keep = plain, keep

    def seal(self, text: str, place: UUID) -> str:
        """See `secrets.Seals`."""
        return text if self._keep and (not text or is_sealed(text)) else self._plain


def _said(event: Event, place: UUID) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(secrets.sealed(event, place, _Left(WITHHELD, keep=True)))
    return said


def _texts(value: Any) -> Iterator[str]:
    """Every text in what an event says."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _text(struct: Any, name: str) -> str:
    value = getattr(struct, name, "")
    return str(value) if isinstance(value, str) else ""


def _name(text: str) -> str:
    """Compared as a whole: NUL, which PostgreSQL keeps in no text, becomes the replacement character."""
    return text[:LONGEST_NAME].replace("\0", "\ufffd")


def _id(id: UUID | None) -> str:
    return "" if id is None else str(id)
