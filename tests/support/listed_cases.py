"""The cases that lie as data in `tests/cases/`: each file of a folder holds a list, and is read by being there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

CASES: Final = Path(__file__).parents[1] / "cases"


def cases(folder: str) -> list[Any]:
    """All cases of a folder, as test parameters that name the file and the place in it."""
    return [
        pytest.param(case, id=f"{file.stem}-{at}")
        for file in sorted((CASES / folder).glob("*.yaml"))
        for at, case in enumerate(yaml.safe_load(file.read_text()), 1)
    ]
