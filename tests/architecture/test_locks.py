"""The locks hold what pyproject.toml asks for: `make locks` writes them anew."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable

from project_files import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(lock: str) -> dict[str, str]:
    """Name to version, of every package in a lock."""
    text = (ROOT / "requirements" / lock).read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", text, re.MULTILINE))


def wanted(*extras: str) -> set[str]:
    """The packages that the project and these extras name."""
    requirements = [*PROJECT["dependencies"], *(r for extra in extras for r in PROJECT["optional-dependencies"][extra])]
    return set(_names(requirements)) - {PROJECT["name"]}


def _names(requirements: Iterable[str]) -> Iterable[str]:
    return (re.sub(r"[._]", "-", re.split(r"[^\w.-]", requirement)[0]).lower() for requirement in requirements)


def test_the_demos_lock_holds_all_it_needs() -> None:
    assert wanted("edge", "server", "embedded") - pins("demo.lock").keys() == set()


def test_the_developers_lock_holds_all_it_needs() -> None:
    assert wanted("edge", "server", "embedded", "dev") - pins("dev.lock").keys() == set()


def test_both_locks_pin_the_same_versions() -> None:
    assert pins("demo.lock").items() <= pins("dev.lock").items()


def test_every_package_in_a_lock_has_a_hash() -> None:
    for lock in ("demo.lock", "dev.lock", "uv.lock"):
        text = (ROOT / "requirements" / lock).read_text()
        assert len(re.findall(r"==.*\\\n    --hash=sha256:", text)) == len(pins(lock))
