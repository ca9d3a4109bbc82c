"""Kubernetes quantities such as `96Mi` or `250m`, as exact numbers."""

from __future__ import annotations

import re
from decimal import Decimal

_FORM = re.compile(r"^(?P<number>[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?P<unit>[KMGTPE]i|[numkMGTPE]?)$")
_UNITS = {
    "": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}  # fmt: skip


def quantity(text: object) -> Decimal:
    """The number that a quantity means: bytes for memory, cores for cpu. Raises ValueError."""
    found = _FORM.match(str(text))
    if found is None:
        raise ValueError(f"quantities must match the regular expression {_FORM.pattern!r}")
    return Decimal(found["number"]) * _UNITS[found["unit"]]


def integer_or_percent(value: int | str, whole: int, *, round_up: bool) -> int:
    """`3` or `"25%"` of `whole`, rounded as asked. Raises ValueError."""
    if isinstance(value, int):
        return value
    if not value.endswith("%"):
        raise ValueError(f"{value!r} is neither a number nor a percentage")
    part = int(value[:-1]) * whole
    return -(-part // 100) if round_up else part // 100
