"""What the project's text may not say: where packages happen to come from, where it happened to be written, names that say nothing."""

from __future__ import annotations

import re

from project_files import ROOT, project_files, python_files

HOSTS = re.compile(
    r"pypi[.]org|pythonhosted|registry[.]npmjs|repo1?[.]maven|proxy[.]golang|sum[.]golang|crates[.]io|deb[.]debian"
)
"""A lock file or a build script that names a registry works on one network only."""

MACHINES = re.compile(r"/(?:work|farm|root|Users)/[a-z]|[.][.]/shared")
"""Paths that exist on one machine."""

EMPTY_NAMES = re.compile(r"^ *class (\w*(?:Manager|Helper|Util|Utils|Helpers))\b", re.MULTILINE)
TERMS = {"ProcessManager"}
"""Words of the field that happen to look empty."""


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for file in project_files():
        if file.name == "test_words.py":
            continue
        text = (ROOT / file).read_text(errors="replace")
        if pattern.search(text):
            found += [f"{file}:{n}: {line}" for n, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
    return found


def test_no_registry_is_named() -> None:
    assert lines_with(HOSTS) == []


def test_no_machines_path_is_named() -> None:
    assert lines_with(MACHINES) == []


def test_no_class_is_called_by_an_empty_word() -> None:
    named = {str(file): EMPTY_NAMES.findall((ROOT / file).read_text()) for file in python_files()}
    assert {file: empty for file, names in named.items() if (empty := set(names) - TERMS)} == {}
