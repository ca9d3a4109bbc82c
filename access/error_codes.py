"""What programs go by in an error, over GraphQL and REST alike: its code, and the field and rule that were broken."""

from __future__ import annotations

import re
from typing import Any, Final

from aetherius.domain.errors import AetheriusError, InfrastructureError

_ATTRIBUTES: Final = (
    "field",
    "rule",
    "role",
    "state",
    "command",
    "digest",
    "limit",
    "cost",
    "depth",
    "count",
    "shared",
    "current",
    "head",
)


def extensions_of(error: AetheriusError) -> dict[str, Any]:
    """`code` from the error's name (`WrongStateError`: WRONG_STATE), and what it says of itself."""
    name = type(error).__name__.removesuffix("Error")
    code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()
    known = {attribute: getattr(error, attribute) for attribute in _ATTRIBUTES if hasattr(error, attribute)}
    retry = {"retry": True} if isinstance(error, InfrastructureError) else {}
    return (
        {"code": code}
        | {key: str(value) if not isinstance(value, int) else value for key, value in known.items()}
        | retry
    )
