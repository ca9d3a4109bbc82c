"""What the flags of kubectl may be given: numbers, Go's durations, times, names, each within its bounds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from aetherius.domain.catalogue.command_policy import FlagRule, Kubectl
from aetherius.edge_agent.errors import PolicyRefusedError

TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
"""As Go reads them."""
_KIND_SLASH_NAME: Final = re.compile(r"[A-Za-z]{1,63}(\.[A-Za-z0-9.-]{1,253})?/[a-z0-9]([-a-z0-9.:]{0,251}[a-z0-9])?")
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_DURATION: Final = re.compile(r"((\d{1,9}(\.\d{0,9})?|\.\d{1,9})(ns|us|ms|s|m|h)){1,8}|0")
_PART: Final = re.compile(r"([\d.]+)(ns|us|ms|s|m|h)")
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def check_value(name: str, rule: FlagRule, value: str, rules: Kubectl, now: datetime) -> str:
    """The value as kubectl will be given it.

    Raises:
        PolicyRefusedError: it is not of its kind, or out of its bounds.
    """
    if value.startswith("-"):
        raise _refused(f"{name}: a value may not begin with -, as {value!r} does")
    if rule.is_switch:
        return _switch(name, rule, value)
    if not _fits(rule, value, rules):
        raise _refused(f"{name}: {value!r} is not {' or '.join(rule.enum) if rule.enum else f'a {rule.value}'}")
    _check_bounds(name, rule, value, now)
    return value


def _refused(rule: str) -> PolicyRefusedError:
    return PolicyRefusedError("grammar", rule)


def _switch(name: str, rule: FlagRule, value: str) -> str:
    if value not in TRUE | FALSE:
        raise _refused(f"{name}: {value!r} is neither true nor false")
    if rule.value == "off" and value in TRUE:
        raise _refused(f"{name} is denied for this verb: only {name}=false is allowed")
    return "true" if value in TRUE else "false"


def _fits(rule: FlagRule, value: str, rules: Kubectl) -> bool:
    match rule.value:
        case "enum":
            return value in rule.enum
        case "enum_list":
            return set(value.split(",")) <= set(rule.enum)
        case "kind_slash_name":
            return _KIND_SLASH_NAME.fullmatch(value) is not None
        case "rfc3339":
            return _RFC3339.fullmatch(value) is not None
        case "duration":
            return _DURATION.fullmatch(value) is not None
        case "timeout":
            return (value.isdigit() and len(value) < 6) or _DURATION.fullmatch(value) is not None
        case "output_format" | "sort_by":
            return True  # a matter of semantics
        case kind:
            return re.fullmatch(rules.value_patterns[kind], value) is not None


def _check_bounds(name: str, rule: FlagRule, value: str, now: datetime) -> None:
    if rule.max is not None and _size(name, rule, value, now) > _bound(rule.max):
        raise _refused(f"{name}: {value} is over {rule.max}" + (" ago" if rule.value == "rfc3339" else ""))
    if rule.min is not None and _size(name, rule, value, now) < _bound(rule.min):
        raise _refused(f"{name}: {value} is under {rule.min}")


def _size(name: str, rule: FlagRule, value: str, now: datetime) -> float:
    """A number, the seconds of a duration, or those since a time."""
    match rule.value:
        case "duration":
            return seconds(value)
        case "rfc3339":
            return (now - _time(name, value)).total_seconds()
        case _:
            return float(value)


def _bound(bound: int | str) -> float:
    return seconds(bound) if isinstance(bound, str) else float(bound)


def seconds(duration: str) -> float:
    """The seconds of one of Go's durations: `1h30m`, `1.5h`, `500ms`."""
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(duration))


def _time(name: str, value: str) -> datetime:
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise _refused(f"{name}: {value!r} is no time") from exc
