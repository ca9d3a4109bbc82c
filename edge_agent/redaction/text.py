"""Takes secrets out of any text: what was taken out is replaced by a short hash.

In this order: what a terminal would obey, tokens of known form, passwords in URLs, in command lines, behind their names, and last what nobody names but
what looks drawn at random. The time is linear in the text, whatever it says; where only a part is kept, `mask_start` reads only that part.
"""

from __future__ import annotations

from typing import Final

from aetherius.edge_agent.redaction.clean import clean
from aetherius.edge_agent.redaction.commands import mask_commands
from aetherius.edge_agent.redaction.named import mask_named
from aetherius.edge_agent.redaction.randomness import mask_random
from aetherius.edge_agent.redaction.tokens import mask_tokens
from aetherius.edge_agent.redaction.urls import mask_urls

OVERLAP: Final = 2048
"""Characters read beyond what is kept: a secret that the cut would halve is recognised as a whole."""


def mask_text(text: str) -> str:
    """The text without what looks like a secret. Words that people made, digests, ids, paths and the causes of failures stay."""
    text = mask_tokens(clean(text))
    return mask_random(mask_named(mask_commands(mask_urls(text))))


def mask_start(text: str, keep: int) -> str:
    """The masked beginning of a text, of which the caller keeps `keep` characters at most; the rest is not even read."""
    return mask_text(text[: keep + OVERLAP])
