"""The lines of a case: what one watch gave at a moment, by the agent's clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from aetherius.cli.case.errors import CaseError
from aetherius.edge_agent.kubernetes_objects import WATCHED, Watched, read_object

_TYPES: Final = frozenset({"ADDED", "MODIFIED", "DELETED"})


class CaseLine(msgspec.Struct, frozen=True):
    """A change. `watched` is None for an object of a kind that the agent does not watch: it is only to be looked at."""

    number: int
    now: datetime
    deleted: bool
    document: dict[str, Any]
    watched: Watched | None


def read_lines(lines: Iterable[bytes]) -> list[CaseLine]:
    """The changes of a case; empty lines are left out.

    Raises:
        CaseError: a line breaks a rule.
    """
    found = [_read(number, text) for number, text in enumerate(lines, start=1) if text.strip()]
    if not found:
        raise CaseError(1, "line", "the case is empty")
    return found


def _read(number: int, text: bytes) -> CaseLine:
    fields = _decoded(number, text)
    document = _document(number, fields.get("object"))
    return CaseLine(
        number, _now(number, fields.get("now")), _is_deleted(number, fields), document, _watched(number, document)
    )


def _decoded(number: int, text: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise CaseError(number, "line", f"is not JSON: {exc}") from exc
    if not isinstance(fields, dict):
        raise CaseError(number, "line", "is not an object with now, type and object")
    if unknown := sorted(set(fields) - {"now", "type", "object"}):
        raise CaseError(number, unknown[0], "is no field of a line (now, type, object)")
    return fields


def _now(number: int, given: object) -> datetime:
    try:
        now = msgspec.convert(given, datetime)
    except msgspec.ValidationError as exc:
        raise CaseError(number, "now", "is not a time such as 2026-11-24T03:00:00Z") from exc
    if now.tzinfo is None:
        raise CaseError(number, "now", "has no time zone")
    return now


def _is_deleted(number: int, fields: dict[str, Any]) -> bool:
    """`ADDED/MODIFIED` stands for either: whether an object was seen before is known from the lines above."""
    given = fields.get("type")
    words: Sequence[str] = given.split("/") if isinstance(given, str) else ()
    if not words or not set(words) <= _TYPES or ("DELETED" in words and len(words) > 1):
        raise CaseError(number, "type", f"{given!r} is not one of {', '.join(sorted(_TYPES))}")
    return words[0] == "DELETED"


def _document(number: int, given: object) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise CaseError(number, "object", "is not an object of Kubernetes")
    if not isinstance(given.get("kind"), str) or not given["kind"]:
        raise CaseError(number, "object.kind", "is missing")
    metadata = given.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise CaseError(number, "object.metadata.name", "is missing")
    return given


def _watched(number: int, document: dict[str, Any]) -> Watched | None:
    kind = WATCHED.get(document["kind"])
    if kind is None:
        return None
    try:
        return read_object(msgspec.json.encode(document), kind)
    except (msgspec.DecodeError, ValueError) as exc:
        rule, _, place = str(exc).partition(" - at `$.")
        raise CaseError(number, f"object.{place.rstrip('`')}" if place else "object", rule) from exc
