"""What a service's settings are: a frozen dataclass, of which each field is one setting.

A field's name is the setting's name, in the file as it is, in the environment in capitals after `AETHERIUS_`. Its type says the unit (`units.py`), and the
text under it says what it means and why the default is as it is. Nothing is said twice: `aetherius settings` reads the list from the classes.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from types import UnionType
from typing import Annotated, Any, ClassVar, Final, Self, Union, get_args, get_origin, get_type_hints

import msgspec

from aetherius.runtime.settings.units import Unit

PREFIX: Final = "AETHERIUS_"
"""Before the name of every setting in the environment."""


class Setting(msgspec.Struct, frozen=True):
    """One field of a service's settings."""

    name: str
    type: Any
    default: Any
    """`MISSING`: it must be given."""
    unit: str
    """Empty: none."""

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name.upper()


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """What every service is told at its start. Not in `repr`: addresses hold passwords."""

    SERVICE: ClassVar[str] = ""
    """Names its table in the file."""
    RENAMED: ClassVar[Mapping[str, str]] = {}
    """Old names of settings, and what they are called now. They work for one release, with a warning."""

    log_level: str = "INFO"
    """The least that is logged: DEBUG, INFO, WARNING or ERROR."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings from the environment, and from the file that it names.

        Raises:
            SettingError: one is missing, malformed or out of bounds, or the file cannot be used (the error names it, never its value).
        """
        from aetherius.runtime.settings.reading import settings_from  # it needs this module

        return settings_from(cls, environment)


def settings_of(cls: type[Any]) -> dict[str, Setting]:
    """The settings of a service, by name, in order of the fields."""
    types = get_type_hints(cls, include_extras=True)
    return {
        field.name: Setting(
            name=field.name,
            type=types[field.name],
            default=field.default if field.default_factory is MISSING else field.default_factory(),
            unit=_unit(types[field.name]),
        )
        for field in dataclasses.fields(cls)
    }


def _unit(kind: Any) -> str:
    if get_origin(kind) in (Union, UnionType):
        return next(filter(None, map(_unit, get_args(kind))), "")
    if get_origin(kind) is Annotated:
        return next((each.name for each in kind.__metadata__ if isinstance(each, Unit)), "")
    return ""


def reasons_of(cls: type[Any]) -> dict[str, str]:
    """What each setting means, and why its default is so: the texts under the fields, of the class and of those that it is made of; the nearest one counts."""
    reasons: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if dataclasses.is_dataclass(each):
            reasons |= _texts(each)
    return reasons


def _texts(cls: type) -> dict[str, str]:
    """The texts under one class's fields, from its source; none where the source was not installed."""
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    except OSError:
        return {}
    assert isinstance(tree, ast.ClassDef)
    return {
        field.target.id: " ".join(inspect.cleandoc(text.value.value).split())
        for field, text in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }
