"""The catalogue of event reasons: how bad an observed reason is, and what it means.

A reason alone is not enough: `BackOff` is a crashed container as a Warning and a failing image pull as a Normal event, and `Failed` says only in its
message what failed. The event's type is one hint among others, never a filter: node losses are reported as Normal events.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

from aetherius.domain.wire.event import Severity

Surface = Literal["event", "container_status", "pod_status_reason", "condition"]
"""Where a reason shows: an event of the API, or a status."""

_KIND_CATEGORIES: Final = {
    "Pod": "pod_failure",
    "Node": "node",
    "PersistentVolumeClaim": "storage",
    "PersistentVolume": "storage",
    "HorizontalPodAutoscaler": "autoscaling",
    "Job": "job",
    "CronJob": "job",
    "Service": "network",
    "Ingress": "network",
}


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One entry: a reason as one component reports it on some kinds of objects."""

    id: str
    reason: str
    source_components: tuple[str, ...]
    kinds: tuple[str, ...]
    surface: Surface
    event_type: Literal["Normal", "Warning", ""] = ""
    severity: Severity
    category: str
    meaning: str


class MessageRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a reason means when its message matches; `category` is empty where it stays the entry's."""

    match: str
    means: str
    category: str = ""


class Classification(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalogue says about one observation. `entry_id` is empty for a reason that it does not know."""

    entry_id: str
    severity: Severity
    category: str
    meaning: str


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    normal_but_serious: tuple[str, ...]
    message_disambiguation: dict[str, tuple[MessageRule, ...]]
    reasons: tuple[Reason, ...]


class EventReasons:
    """The whole catalogue, indexed by reason."""

    def __init__(self, document: _Document) -> None:
        self.reasons = document.reasons
        self.normal_but_serious = document.normal_but_serious
        """Ids of entries that come as Normal events and must not be filtered away."""
        self._rules = document.message_disambiguation
        self._by_reason: dict[str, list[Reason]] = {}
        for entry in document.reasons:
            self._by_reason.setdefault(entry.reason, []).append(entry)

    def lookup(
        self,
        reason: str,
        *,
        kind: str = "",
        source: str = "",
        event_type: str = "",
        message: str = "",
        surface: Surface = "event",
    ) -> Classification:
        """Classify one observation; an unknown reason is medium as a Warning and low otherwise, never an error."""
        known = self._by_reason.get(reason) or self._by_reason.get(_sibling(reason), [])
        found = [entry for entry in known if entry.surface == surface] or [each for each in known if kind in each.kinds]
        if not found:
            return _unknown(reason, kind, event_type)
        entry = max(found, key=lambda each: _likeness(each, kind, source, event_type))
        rule = self._message_rule(reason, message)
        return Classification(
            entry_id=entry.id,
            severity=entry.severity,
            category=rule.category if rule and rule.category else entry.category,
            meaning=rule.means if rule else entry.meaning,
        )

    def _message_rule(self, reason: str, message: str) -> MessageRule | None:
        rules = self._rules.get(reason, ())
        return next((rule for rule in rules if re.search(rule.match, message)), None)


def _sibling(reason: str) -> str:
    """Of what a node has too little, any resource may be: `OutOfnvidia.com/gpu` is as bad as `OutOfcpu`."""
    return "OutOfcpu" if reason.startswith("OutOf") else reason


def _likeness(entry: Reason, kind: str, source: str, event_type: str) -> tuple[bool, bool, bool]:
    """Kind first (a node's reason says nothing about a pod), then who said it, then how."""
    return (
        kind in entry.kinds,
        _said_by(source, entry.source_components),
        bool(event_type) and entry.event_type == event_type,
    )


def _said_by(source: str, components: Iterable[str]) -> bool:
    """Whether a component's name fits: the catalogue writes `replicaset` for `replicaset-controller`."""
    stem = source.removesuffix("-controller")
    return bool(source) and any(stem == each.split()[0].removesuffix("-controller") for each in components)


def _unknown(reason: str, kind: str, event_type: str) -> Classification:
    return Classification(
        entry_id="",
        severity=Severity.MEDIUM if event_type == "Warning" else Severity.LOW,
        category=_KIND_CATEGORIES.get(kind, "workload"),
        meaning=f"{reason} is not in the catalogue",
    )


@cache
def event_reasons() -> EventReasons:
    """The catalogue that comes with the program; read once."""
    text = files("aetherius.domain.catalogue").joinpath("event_reasons.json").read_bytes()
    return EventReasons(msgspec.json.decode(text, type=_Document))
