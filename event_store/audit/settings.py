"""The part of a service's settings that says where heads of the log are noted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aetherius.runtime.settings.settings import Settings


@dataclass(frozen=True, kw_only=True, repr=False)
class AnchorSettings(Settings):
    """The leading agent manager notes them there; an audit over the API compares the ledger with them."""

    anchor_file: Path | None = None
    """File of the log's signed heads, outside the database and best on another machine; none: nowhere."""
    anchor_bucket: str = ""
    """URL of a bucket for the same, as `s3://bucket/folder`; with a file too, both are used. Empty: none."""
