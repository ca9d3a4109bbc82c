"""What the project's text may not say: where packages happen to come from, where it happened to be written, names that say nothing."""

from __future__ import annotations

import hashlib
import re

from project_files import ROOT, project_files, python_files

HOST = re.compile(r"(?:[a-z0-9-]+[.])+[a-z]{2,}", re.IGNORECASE)
REGISTRIES = frozenset(
    {
        "00a7dc5a0cc38858",
        "0dc11026ac75c015",
        "317d2d52829b7812",
        "3b464a1d35cd8f4f",
        "43c04ed1dabe979b",
        "789e46d79514e280",
        "8b5bb5eb9d758455",
        "9da5f32d96412512",
        "a4aa2ac280bb8d1a",
        "b18b7bf677c9e874",
        "e680c440a2e92079",
        "fd0c6a9279196963",
    }
)
"""Hosts of package registries, as the beginnings of their SHA-256: this file may not name them either. A lock file or a build script that names one works on
one network only."""

MACHINES = re.compile(r"/(?:work|farm|root|Users)/[a-z]|[.][.]/shared")
"""Paths that exist on one machine."""

EMPTY_NAMES = re.compile(r"^ *class (\w*(?:Manager|Helper|Util|Utils|Helpers))\b", re.MULTILINE)
TERMS = {"ProcessManager"}
"""Words of the field that happen to look empty."""


MUTE = re.compile(r"[a-z)] or repr[(]exc")
"""How one thinks that an exception without a text is said."""


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for file in project_files():
        if file.name == "test_words.py":
            continue
        text = (ROOT / file).read_text(errors="replace")
        if pattern.search(text):
            found += [f"{file}:{n}: {line}" for n, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
    return found


def digest(host: str) -> str:
    return hashlib.sha256(host.encode()).hexdigest()[:16]


def is_one_of(hosts: frozenset[str], host: str) -> bool:
    """Whether a host, or one that it lies below, is among those of which the digests are given."""
    labels = host.lower().split(".")
    return any(digest(".".join(labels[start:])) in hosts for start in range(len(labels) - 1))


def test_no_registry_is_named() -> None:
    named = [
        f"{file}: {host}"
        for file in project_files()
        for host in set(HOST.findall((ROOT / file).read_text(errors="replace")))
        if is_one_of(REGISTRIES, host)
    ]
    assert named == []


def test_a_host_below_a_named_one_is_found_and_a_like_sounding_one_is_not() -> None:
    named = frozenset({digest("example.org")})
    assert is_one_of(named, "files.Example.org")
    assert not is_one_of(named, "my-example.org")


def test_no_machines_path_is_named() -> None:
    assert lines_with(MACHINES) == []


def test_an_exception_is_said_in_words_by_one_function() -> None:
    said = [file for file in python_files() if MUTE.search((ROOT / file).read_text()) and file.name != "test_words.py"]
    assert said == [], "a bare TimeoutError has no text, and is true: use `in_words`"


def test_no_class_is_called_by_an_empty_word() -> None:
    named = {str(file): EMPTY_NAMES.findall((ROOT / file).read_text()) for file in python_files()}
    assert {file: empty for file, names in named.items() if (empty := set(names) - TERMS)} == {}
