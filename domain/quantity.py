"""Kubernetes quantities of memory: `64Mi` to bytes and back."""

from __future__ import annotations

import re
from typing import Final

from aetherius.domain.errors import InvalidMessageError

_QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_FACTORS: Final = {
    "": 1.0,
    "m": 0.001,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
}


def parse_memory(quantity: str) -> int:
    """Bytes of a quantity.

    Raises:
        InvalidMessageError: not a quantity.
    """
    match = _QUANTITY.fullmatch(quantity)
    if not match:
        raise InvalidMessageError(
            "quantity", f"{quantity!r} is not a number with an optional unit (Ki, Mi, Gi, k, M, G)"
        )
    return round(float(match[1]) * _FACTORS[match[2] or ""])


def format_memory(size: int) -> str:
    """Bytes as the largest whole binary unit."""
    for unit in ("Gi", "Mi", "Ki"):
        if size % int(_FACTORS[unit]) == 0:
            return f"{size // int(_FACTORS[unit])}{unit}"
    return str(size)
