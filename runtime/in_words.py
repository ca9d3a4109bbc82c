"""An exception in words, for a log line or a reason that people read."""

from __future__ import annotations

from aetherius.domain.errors import AetheriusError


def in_words(exc: BaseException) -> str:
    """What it says, and of which kind it is; never empty (a bare `TimeoutError` says nothing by itself). Our own errors say enough without their kind."""
    said = str(exc).strip()
    if isinstance(exc, AetheriusError) and said:
        return said
    return f"{type(exc).__name__}: {said}" if said else type(exc).__name__
