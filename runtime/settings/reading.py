"""Reading a service's settings: the environment wins over the file, which wins over the defaults. An empty variable says nothing."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_origin

import msgspec

from aetherius.runtime.errors import SettingError
from aetherius.runtime.settings.file import meant, told_in_file
from aetherius.runtime.settings.settings import PREFIX, Setting, Settings, settings_of

logger = logging.getLogger(__name__)

S = TypeVar("S", bound=Settings)
_TRUTHS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_KUBERNETES: Final = re.compile(r"_SERVICE_(HOST|PORT(_.*)?)|_PORT(_\d+_(TCP|UDP)(_.*)?)?")
"""How the variables end that Kubernetes gives a pod for each Service: `AETHERIUS_GRAPHQL_SERVICE_HOST`."""
NOT_SETTINGS: Final = frozenset({"SETTINGS_FILE", "DATA", "CREDENTIALS"})
"""What commands take from the environment besides."""


def settings_from(cls: type[S], environment: Mapping[str, str]) -> S:
    """The settings that environment and file give; what neither names keeps its default.

    Raises:
        SettingError: one is missing, or is not of its type (the error names it, never its value).
    """
    file = told_in_file(environment, cls.SERVICE)
    given: dict[str, Any] = {}
    for name, setting in settings_of(cls).items():
        if text := _said(cls, name, environment):
            given[name] = _parsed(setting, setting.variable, text)
        elif (value := _told(cls, name, file)) is not None:
            given[name] = _converted(setting, f"{name}, in the file of settings,", value)
        elif setting.default is MISSING:
            raise SettingError(setting.variable, "is not set")
    return cls(**given)


def warn_of_unknown(environment: Mapping[str, str], services: Iterable[type[Settings]]) -> None:
    """Log the variables that look like settings and are none: a slip of the pen would be passed over."""
    settings = {name.upper() for each in services for name in (*settings_of(each), *each.RENAMED)}
    known = {PREFIX + name for name in settings | NOT_SETTINGS}
    for variable in sorted(environment):
        if variable.startswith(PREFIX) and variable not in known and not _KUBERNETES.search(variable):
            logger.warning("%s is no setting%s", variable, meant(variable, known))


def _said(cls: type[Settings], name: str, environment: Mapping[str, str]) -> str:
    if text := environment.get(PREFIX + name.upper()):
        return text
    for old in _old_names(cls, name):
        if text := environment.get(PREFIX + old.upper()):
            logger.warning("%s%s is called %s%s now", PREFIX, old.upper(), PREFIX, name.upper())
            return text
    return ""


def _told(cls: type[Settings], name: str, file: Mapping[str, Any]) -> Any:
    if name in file:
        return file[name]
    for old in _old_names(cls, name):
        if old in file:
            logger.warning("%s, in the file of settings, is called %s now", old, name)
            return file[old]
    return None


def _old_names(cls: type[Settings], name: str) -> list[str]:
    return [old for old, new in cls.RENAMED.items() if new == name]


def _parsed(setting: Setting, where: str, text: str) -> Any:
    if setting.type is bool:
        if (truth := _TRUTHS.get(text.strip().lower())) is None:
            raise SettingError(where, "is not of type bool")
        return truth
    if get_origin(setting.type) in (dict, list):
        try:
            return msgspec.json.decode(text, type=setting.type)
        except msgspec.MsgspecError:
            raise SettingError(where, "is not of its type, as JSON") from None
    return _converted(setting, where, text.strip() if _is_number(setting.type) else text, strict=False)


def _converted(setting: Setting, where: str, value: Any, *, strict: bool = True) -> Any:
    try:
        return msgspec.convert(value, setting.type, strict=strict, dec_hook=_path)
    except msgspec.ValidationError:
        raise SettingError(where, f"is not of type {_name_of(setting.type)}") from None


def _is_number(kind: Any) -> bool:
    return kind in (int, float) or any(each in (int, float) for each in get_args(kind))


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError


def _name_of(kind: Any) -> str:
    plain = [each for each in (get_args(kind) or (kind,)) if isinstance(each, type) and each is not type(None)]
    return plain[0].__name__ if plain else str(kind)
