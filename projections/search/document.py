"""A document: what is found by searching. Flat, of one shape whatever it tells of, and the same for the same events whenever and by whomever it is made."""

from __future__ import annotations

import enum
from typing import Any, Final

import msgspec

LONGEST_NAME: Final = 512
"""Characters of a field that is compared as a whole: what is longer is cut."""


class Kind(enum.StrEnum):
    """What a document tells of: a report of a cluster, an incident as it is now, or an event of the audit trail (whatever was decided)."""

    OBSERVATION = "observation"
    INCIDENT = "incident"
    EVENT = "event"


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One document. An empty field is a missing one: no filter finds it, and it is counted nowhere."""

    id: str
    """The stream's id; for an event of the audit trail with a point and its version behind it."""
    kind: Kind
    position: int
    """Of the last event that is in it, and so its version: of two with the same id the one with the higher position is right."""
    type: str
    """As `Incident.Opened`; of an incident `Incident`."""
    stream_id: str
    version: int
    occurred_at: int
    """Milliseconds since 1970. Never changes for an id: an incident's is when it was opened."""
    cluster_id: str = ""
    namespace: str = ""
    severity: str = ""
    status: str = ""
    symptom: str = ""
    root_cause: str = ""
    reason: str = ""
    object_kind: str = ""
    object_name: str = ""
    node: str = ""
    owner_kind: str = ""
    owner_name: str = ""
    source: str = ""
    actor: str = ""
    correlation_id: str = ""
    count: int | None = None
    """How often it was seen."""
    message: str = ""
    """For people; found by its words, which are in `text`."""
    text: str = ""
    """Its words, see `words.py`."""
    data: dict[str, Any] = {}
    """What an event of the audit trail says, secrets sealed. Shown, not searched, but for the words that are in `text`."""


NAMES: Final = (
    "id",
    "kind",
    "type",
    "stream_id",
    "cluster_id",
    "namespace",
    "severity",
    "status",
    "symptom",
    "root_cause",
    "reason",
    "object_kind",
    "object_name",
    "node",
    "owner_kind",
    "owner_name",
    "source",
    "actor",
    "correlation_id",
)
"""Fields that are compared as a whole, and counted by value."""
NUMBERS: Final = ("position", "version", "count")
