"""Label and field selectors: parsed from a query or an object, then asked whether a document fits."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from aetherius.simulator.documents import Document, labels_of
from aetherius.simulator.errors import bad_request
from aetherius.simulator.kinds import Kind

Predicate = Callable[[Document], bool]

_SET = re.compile(r"^(?P<key>[\w./-]+)\s+(?P<op>in|notin)\s*\((?P<values>[^)]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[\w./-]+)\s*(?P<op>==|=|!=)\s*(?P<value>[\w./:-]*)$")
_EXISTS = re.compile(r"^(?P<no>!?)\s*(?P<key>[\w./-]+)$")
_COMMA = re.compile(r",(?![^(]*\))")


def label_selector(text: str) -> Predicate:
    """Parse a label selector of a query; raises `ApiError` 400."""
    terms = [_label_term(term.strip()) for term in _COMMA.split(text) if term.strip()]
    return lambda document: all(term(labels_of(document)) for term in terms)


def object_selector(selector: Document | None) -> Callable[[dict[str, str]], bool]:
    """A selector as objects carry it (matchLabels, matchExpressions) over labels; an absent one fits nothing."""
    if selector is None:
        return lambda labels: False
    wanted = selector.get("matchLabels") or {}
    terms = [_expression(term) for term in selector.get("matchExpressions") or []]
    return lambda labels: wanted.items() <= labels.items() and all(term(labels) for term in terms)


def field_selector(kind: Kind, text: str) -> Predicate:
    """Parse a field selector; raises `ApiError` 400 for a field that the kind does not offer."""
    terms = [_field_term(kind, term.strip()) for term in text.split(",") if term.strip()]
    return lambda document: all(term(document) for term in terms)


def _label_term(term: str) -> Callable[[dict[str, str]], bool]:
    if found := _SET.match(term):
        key, values = found["key"], {value.strip() for value in found["values"].split(",")}
        inside = found["op"] == "in"
        return (lambda labels: labels.get(key) in values) if inside else (lambda labels: labels.get(key) not in values)
    if found := _EQUAL.match(term):
        key, value = found["key"], found["value"]
        equal = found["op"] != "!="
        return (lambda labels: labels.get(key) == value) if equal else (lambda labels: labels.get(key) != value)
    if found := _EXISTS.match(term):
        key, absent = found["key"], bool(found["no"])
        return lambda labels: (key in labels) != absent
    raise bad_request(f"unable to parse requirement: found {term!r}")


def _expression(term: Document) -> Callable[[dict[str, str]], bool]:
    key, values = term["key"], term.get("values") or []
    match term["operator"]:
        case "In":
            return lambda labels: labels.get(key) in values
        case "NotIn":
            return lambda labels: labels.get(key) not in values
        case "Exists":
            return lambda labels: key in labels
        case _:
            return lambda labels: key not in labels


def _field_term(kind: Kind, term: str) -> Predicate:
    found = _EQUAL.match(term)
    if found is None:
        raise bad_request(f"invalid field selector {term!r}")
    path, value = found["key"], found["value"]
    if path not in (*kind.fields, "metadata.name", "metadata.namespace"):
        raise bad_request(f'field label "{path}" not supported for {kind.name}')
    if path == "source":
        path = "source.component"
    equal = found["op"] != "!="
    return lambda document: (_at(document, path) == value) == equal


def _at(document: Document, path: str) -> str:
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return str(value).lower() if isinstance(value, bool) else str(value or "")
