"""The file of settings: TOML. What stands at the top is for every service, what stands in a service's table for that one alone, and before the rest."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from aetherius.runtime.errors import SettingError
from aetherius.runtime.settings.settings import PREFIX, Settings, settings_of

FILE: Final = f"{PREFIX}SETTINGS_FILE"
"""The variable that names the file."""


def told_in_file(environment: Mapping[str, str], service: str) -> dict[str, Any]:
    """What the file says to a service; nothing, if no file is named.

    Raises:
        SettingError: the file cannot be read, or is no TOML.
    """
    document = _document(environment)
    own = document.get(service, {})
    common = {name: value for name, value in document.items() if name != service}
    return {**common, **own} if isinstance(own, dict) else common


def check_file(environment: Mapping[str, str], services: Iterable[type[Settings]]) -> None:
    """See that the file says nothing that no service knows.

    Raises:
        SettingError: a name in it is none of a setting; it is told, and the one that may have been meant.
    """
    known = {each.SERVICE: {*settings_of(each), *each.RENAMED} for each in services}
    everywhere = set().union(*known.values())
    for name, value in _document(environment).items():
        if name in known and isinstance(value, dict):
            for inner in value:
                _check(f"[{name}] {inner}", inner, known[name], environment)
        else:
            _check(name, name, everywhere | set(known), environment)


def _check(told: str, name: str, known: set[str], environment: Mapping[str, str]) -> None:
    if name not in known:
        raise SettingError(f"{told}, in {environment[FILE]},", f"is no setting{meant(name, known)}")


def meant(name: str, known: Iterable[str]) -> str:
    """The name that may have been meant, as the end of a sentence."""
    near = get_close_matches(name, known, 1)
    return f": perhaps {near[0]}" if near else " (`aetherius settings` lists them)"


def _document(environment: Mapping[str, str]) -> dict[str, Any]:
    name = environment.get(FILE)
    if not name:
        return {}
    try:
        return tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as exc:
        raise SettingError(FILE, f"names {name}, which cannot be read: {exc.strerror}") from exc
    except ValueError as exc:  # no TOML, or not UTF-8
        raise SettingError(FILE, f"names {name}, which is no TOML: {exc}") from exc
