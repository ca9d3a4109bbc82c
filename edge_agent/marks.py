"""What we write on objects of a cluster: repairs set it and take it off, and who watches knows by it what was ours."""

from __future__ import annotations

from typing import Final

CORDONED: Final = "aetherius.io/cordoned"
"""Annotation of a node: the cordon is ours."""
