"""Media types in headers: names in any case, with parameters, in any order of preference."""

from __future__ import annotations

from email.message import Message
from functools import lru_cache


@lru_cache(256)
def content_type(header: str) -> tuple[str, str]:
    """The media type of a Content-Type in lower case, and its charset (empty: none was named)."""
    message = Message()
    message["content-type"] = header
    return message.get_content_type() if header.strip() else "", message.get_content_charset() or ""


@lru_cache(256)
def accepted(header: str) -> dict[str, float]:
    """The media types of an Accept, in lower case, with how much each is wanted (0 to 1); those that are not wanted are left out."""
    found: dict[str, float] = {}
    for part in header.split(","):
        name, *parameters = (each.strip().lower() for each in part.split(";"))
        weight = _weight(parameters)
        if name and weight > 0:
            found[name] = max(weight, found.get(name, 0.0))
    return found


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
