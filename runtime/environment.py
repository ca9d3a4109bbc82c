"""Settings from the environment: each field of a settings dataclass is `AETHERIUS_` and its name in capitals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from aetherius.runtime.errors import SettingError

PREFIX: Final = "AETHERIUS_"
S = TypeVar("S")
_TRUTHS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_PARSERS: Final[dict[str, Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda text: _TRUTHS[text.strip().lower()],
    "Path": Path,
    "Path | None": lambda text: Path(text) if text else None,
    "dict[str, dict[str, str]]": lambda text: msgspec.json.decode(text, type=dict[str, dict[str, str]]),
}


def settings_from(cls: type[S], environment: Mapping[str, str]) -> S:
    """The settings that the environment gives; what it does not name keeps its default.

    Raises:
        SettingError: one is missing, or is not of its type (the error names it, never its value).
    """
    given: dict[str, Any] = {}
    for field in fields(cls):  # type: ignore[arg-type]  # a dataclass
        name = PREFIX + field.name.upper()
        if environment.get(name):
            given[field.name] = _parsed(name, str(field.type), environment[name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise SettingError(name, "is not set")
    return cls(**given)


def _parsed(name: str, kind: str, text: str) -> Any:
    parse = _PARSERS[kind]
    try:
        return parse(text)
    except (ValueError, KeyError):  # msgspec's errors too; a truth that is none
        raise SettingError(name, f"is not of type {kind}") from None
