"""Manifests of Secrets that stand in a text, as a tool logs what it applies: the values under their `data`, in YAML and in JSON of one line."""

from __future__ import annotations

import re
from typing import Final

from aetherius.edge_agent.redaction.marks import hashed

_KIND: Final = re.compile(r"[kK]ind\\{0,7}[\"']?\s{0,4}[:=]\s{0,4}\\{0,7}[\"']?Secret\b(?![\w-])")
_BLOCK: Final = re.compile(
    r"^(?P<indent>[ \t]{0,64})(?:data|stringData):[ \t]*\n(?P<rows>(?:(?P=indent)[ \t]+\S[^\n]*(?:\n|$)|[ \t]*\n)+)",
    re.MULTILINE,
)
_ROW: Final = re.compile(
    r"^(?P<name>[ \t]+[\w.-]{1,253}:[ \t]+)(?P<value>[^\s|>][^\n]*)|^(?P<more>[ \t]+)(?P<line>[^\s:][^\n]*)$",
    re.MULTILINE,
)
_OBJECT: Final = re.compile(r"(?:data|stringData)\\{0,7}[\"']\s{0,4}:\s{0,4}\{(?P<fields>[^{}]{1,65536})\}")
_FIELD: Final = re.compile(r":\s{0,4}\\{0,7}\"(?P<value>[^\"\\]{1,16384})")
_MAP: Final = re.compile(r"(?:data|stringData|Data|StringData):map\[(?P<pairs>[^\]]{1,65536})\]")


def mask_manifests(text: str) -> str:
    """The text without the values of the Secrets in it."""
    if "Secret" not in text or not _KIND.search(text):
        return text
    text = _BLOCK.sub(lambda match: match[0].replace(match["rows"], _ROW.sub(_mask_row, match["rows"])), text)
    text = _OBJECT.sub(lambda match: _FIELD.sub(_mask_field, match[0]), text)
    return _MAP.sub(lambda match: match[0].replace(match["pairs"], re.sub(r":(\S+)", lambda pair: ":" + hashed(pair[1]), match["pairs"])), text)  # fmt: skip


_LENGTH_ONLY: Final = re.compile(r"\"?\d{1,9} (?:characters \[redacted:|bytes)")


def _mask_row(row: re.Match[str]) -> str:
    if row["name"] and _LENGTH_ONLY.match(row["value"]):
        return row[0]
    if row["name"]:
        return row["name"] + hashed(row["value"])
    return row["more"] + hashed(row["line"])


def _mask_field(field: re.Match[str]) -> str:
    if _LENGTH_ONLY.match(field["value"]):
        return field[0]
    return field[0][: -len(field["value"])] + hashed(field["value"])
