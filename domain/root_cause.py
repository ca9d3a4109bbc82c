"""Short codes of root causes, and the table from a reasoner's own words to them."""

from __future__ import annotations

import enum
from typing import Final

from aetherius.domain.wire.analysis import RootCause


class CauseCode(enum.StrEnum):
    """The short code that workflow conditions compare (`analysis.root_cause == 'OOM'`)."""

    OOM = "OOM"
    IMAGE = "Image"
    CONFIG = "Config"
    NODE_LOST = "NodeLost"
    UNKNOWN = "unknown"


_CODES: Final[dict[str, CauseCode]] = {
    "OOMKiller": CauseCode.OOM,
    "OOMKilled": CauseCode.OOM,
    "MemoryLimitTooLow": CauseCode.OOM,
    "ImageNotFound": CauseCode.IMAGE,
    "BadImageRollout": CauseCode.IMAGE,
    "MissingConfig": CauseCode.CONFIG,
    "MissingConfigRollout": CauseCode.CONFIG,
    "NodeUnreachable": CauseCode.NODE_LOST,
    "NodeNotReady": CauseCode.NODE_LOST,
}


def code_of(cause: RootCause, min_confidence: float) -> CauseCode:
    """The short code; `unknown` for a word not in the table or a confidence below the minimum (0 to 1)."""
    if cause.confidence < min_confidence:
        return CauseCode.UNKNOWN
    return _CODES.get(cause.type, CauseCode.UNKNOWN)
