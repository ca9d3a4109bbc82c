"""Cases as data: watch events in `NAME.jsonl`, what must come of them in `NAME.expected.yaml` beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

FOLDER: Final = Path(__file__).parent.parent / "cases" / "kubernetes"


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is told of each part: all its rows in order, each by the fields that matter; None for a part that does not."""

    about: str
    quiet: str = "1h"
    reports: list[dict[str, Any]] | None = None
    incidents: list[dict[str, Any]] | None = None
    diagnoses: list[dict[str, Any]] | None = None
    proposals: list[dict[str, Any]] | None = None


def names() -> list[str]:
    """Every case of the folder."""
    return sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def expected(name: str) -> Expected:
    """What must come of a case."""
    return msgspec.convert(yaml.safe_load((FOLDER / f"{name}.expected.yaml").read_text()), Expected)


def differences(wanted: Expected, outcome: dict[str, Any]) -> list[str]:
    """Where an outcome is another one; empty where it is not."""
    found = []
    for part in ("reports", "incidents", "diagnoses", "proposals"):
        rows = getattr(wanted, part)
        if rows is not None:
            shown = [
                {key: row[key] for key in (rows[at] if at < len(rows) else row)} for at, row in enumerate(outcome[part])
            ]
            if shown != rows:
                found.append(f"{part}:\n  wanted {rows}\n  found  {outcome[part]}")
    return found
