"""The mark that stands for a secret."""

from __future__ import annotations

import hashlib
from typing import Final

MARK: Final = "[redacted:"


def hashed(value: object) -> str:
    """A short hash: equal values have equal marks. What is a mark already stays as it is."""
    text = str(value)
    return text if text.startswith(MARK) else f"{MARK}{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:8]}]"
