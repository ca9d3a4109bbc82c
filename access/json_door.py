"""JSON from outside, and what no value in it may be, whichever door it comes through: each refusal names the place and the rule.

PostgreSQL stores no NUL, UTF-8 has no half of a surrogate pair, and what nests without end or counts beyond 64 bits exhausts whoever handles it later. Refused
here, none of it can become an error of ours somewhere within.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from aetherius.access.errors import InvalidArgumentError

MAX_DEPTH: Final = 32
MAX_VALUES: Final = 10_000
_MAX_WHOLE: Final = 2**63 - 1
_MAX_PLACE: Final = 200
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ESCAPE: Final = b"\\u"
"""A NUL and half of a surrogate pair come as escapes only: raw they are no JSON, and no UTF-8."""
_DIGITS: Final = b"0123456789"
_BEYOND: Final = 18
"""Digits that a number has at least if it is beyond 64 bits (and does not come by an exponent, which the reader refuses)."""


def decode_json(raw: bytes, field: str = "body") -> Any:
    """The value of a text.

    Raises:
        InvalidArgumentError: it is not JSON in UTF-8, or a value in it breaks a rule; `field` is the path to it, or the text as a whole.
    """
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise _refusal(raw, exc, field) from exc
    if is_suspect(raw):
        check_value(value, "" if field == "body" else field)
    return value


def is_suspect(raw: bytes) -> bool:
    """Whether the values of a text must be looked at one by one: of most that come we see in a microsecond that none breaks a rule."""
    return (
        _ESCAPE in raw
        or len(raw) - len(raw.translate(None, _DIGITS)) > _BEYOND
        or raw.count(b"[") + raw.count(b"{") > MAX_DEPTH
        or raw.count(b",") >= MAX_VALUES
    )


def check_value(value: Any, place: str = "") -> None:
    """Look at a decoded value and all in it. Raises ``InvalidArgumentError``."""
    left: list[tuple[str, int, Any]] = [(place, 0, value)]
    count = 0
    while left:
        place, depth, value = left.pop()
        count += 1
        if count > MAX_VALUES:
            raise InvalidArgumentError("body", f"holds more than {MAX_VALUES} values")
        if rule := _broken(value, depth):
            raise InvalidArgumentError(place[:_MAX_PLACE] or "body", rule)
        if isinstance(value, dict):
            for name, each in value.items():
                check_text(name, _within(place, "(a name)"))
                left.append((_within(place, name), depth + 1, each))
        elif isinstance(value, list):
            left += [(_within(place, str(index)), depth + 1, each) for index, each in enumerate(value)]


def check_text(text: str, place: str) -> None:
    """Raise ``InvalidArgumentError`` for a text that cannot be stored or sent."""
    if rule := text_rule(text):
        raise InvalidArgumentError(place[:_MAX_PLACE], rule)


def checked_text(text: str, place: str, limit: int) -> str:
    """The text, if it can be stored and is no longer than `limit` characters. Raises ``InvalidArgumentError``."""
    if len(text) > limit:
        raise InvalidArgumentError(place, f"is longer than {limit} characters")
    check_text(text, place)
    return text


def text_rule(text: str) -> str:
    """The rule that a text breaks; empty if none."""
    if "\0" in text:
        return "must not hold a NUL"
    return "must not hold half of a surrogate pair" if _SURROGATE.search(text) else ""


def _broken(value: Any, depth: int) -> str:
    if depth >= MAX_DEPTH and isinstance(value, dict | list):
        return f"nests deeper than {MAX_DEPTH} levels"
    if isinstance(value, str):
        return text_rule(value)
    if isinstance(value, int) and not -_MAX_WHOLE <= value <= _MAX_WHOLE:
        return "is a number beyond 64 bits"
    return "is a number beyond 64 bits" if isinstance(value, float) and value - value != 0 else ""


def _within(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _refusal(raw: bytes, cause: Exception, field: str) -> InvalidArgumentError:
    if isinstance(cause, UnicodeDecodeError):
        return InvalidArgumentError(field, "is not UTF-8")
    if isinstance(cause, RecursionError):
        return InvalidArgumentError(field, f"nests deeper than {MAX_DEPTH} levels")
    try:  # Python's own reader takes what msgspec refuses: so we can say where it stands
        check_value(json.loads(raw), "" if field == "body" else field)
    except InvalidArgumentError as exc:
        return exc
    except (ValueError, RecursionError):
        pass
    return InvalidArgumentError(field, f"is not JSON: {cause}")
