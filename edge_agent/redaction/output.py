"""Masks what a kubectl command printed: by its structure first, as its verb and output format give it, then as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import yaml

from aetherius.edge_agent.redaction.describe import mask_description
from aetherius.edge_agent.redaction.structure import mask_object
from aetherius.edge_agent.redaction.text import mask_text

_DESCRIBING: Final = frozenset({"describe", "rollout"})
TOO_LARGE: Final = "(too large to be masked: ask for fewer objects)"
UNREADABLE: Final = "(cannot be masked: it is no JSON)"
_DECODER: Final = json.JSONDecoder()


def mask_output(text: str, verb: str, output_format: str | None, *, cut: bool = False) -> str:
    """The masked output. `cut`: its end is missing, so that it may not be whole JSON. JSON that was asked for as YAML comes back as YAML."""
    if output_format in ("json", "yaml"):
        return _mask_documents(text, cut, as_yaml=output_format == "yaml")
    return mask_description(text) if verb in _DESCRIBING else mask_text(text)


def _mask_documents(text: str, cut: bool, *, as_yaml: bool) -> str:
    """What cannot be read cannot be masked field by field, and unmasked it must not leave."""
    if not text.strip():
        return text
    try:
        masked = [mask_object(document) for document in _documents(text)]
    except (ValueError, RecursionError):
        return TOO_LARGE if cut else UNREADABLE
    return ("---\n" if as_yaml else "\n").join(_written(each, as_yaml=as_yaml) for each in masked)


def _documents(text: str) -> Iterator[Any]:
    """One document, or several one after the other: a history prints one for each revision."""
    try:
        yield msgspec.json.decode(text)
    except msgspec.DecodeError:
        yield from _several(text)


def _several(text: str) -> Iterator[Any]:
    at = 0
    while (rest := text[at:].lstrip()) if at < len(text) else "":
        document, read = _DECODER.raw_decode(rest)
        yield document
        at = len(text) - len(rest) + read


def _written(document: Any, *, as_yaml: bool) -> str:
    if as_yaml:
        return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode()
