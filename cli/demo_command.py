"""`aetherius demo`."""

from __future__ import annotations


def demo() -> None:
    """Show four faults being found and repaired."""
