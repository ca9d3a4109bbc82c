"""Takes secrets out of any text: what was taken out is replaced by a short hash.

In this order: what a terminal would obey, tokens of known form, passwords in URLs, in command lines, behind their names, and last what nobody names but
what looks drawn at random. The time is linear in the text, whatever it says; where only a part is kept, `mask_start` reads only that part.
"""

from __future__ import annotations

import re
from typing import Final

from aetherius.edge_agent.redaction.clean import clean
from aetherius.edge_agent.redaction.commands import mask_commands
from aetherius.edge_agent.redaction.manifests import mask_manifests
from aetherius.edge_agent.redaction.named import mask_named
from aetherius.edge_agent.redaction.randomness import mask_random, may_be_random
from aetherius.edge_agent.redaction.tokens import mask_tokens, may_begin_token
from aetherius.edge_agent.redaction.urls import mask_urls

OVERLAP: Final = 2048
"""Characters read beyond what is kept: a secret that the cut would halve is recognised as a whole."""


_SHORT: Final = re.compile(r"[\w./-]{0,13}")
"""No secret without a name before it is as short as this; of a list of objects most texts are."""
_NAME: Final = re.compile(r"[a-z0-9]{1,14}(?:[./-][a-z0-9]{1,14}){0,12}|\d{4}-\d\d-\d\dT[\d:.]{8,18}Z")
"""Names of objects, ids and times have no part that is as long as a secret."""
_LONG_TEXT: Final = 2048
_SHORTEST_TOKEN: Final = 15


def mask_text(text: str) -> str:
    """The text without what looks like a secret. Words that people made, digests, ids, paths and the causes of failures stay."""
    if _is_plain(text):
        return text
    text = mask_manifests(clean(text))
    if len(text) > _LONG_TEXT:
        return _mask_long(text)
    return mask_random(mask_named(mask_commands(mask_urls(mask_tokens(text)))))


def _is_plain(text: str) -> bool:
    if len(text) < 14:
        return text.isascii() and _SHORT.fullmatch(text) is not None
    return len(text) < 100 and _NAME.fullmatch(text) is not None and not may_begin_token(text)


def _mask_long(text: str) -> str:
    """The same. Most of a long text is words that were read already: a look at the distinct ones tells what there is to be looked for at all."""
    words = "\n".join({word for word in text.split() if len(word) >= _SHORTEST_TOKEN})
    if "PRIVATE" in text or "Private" in text or mask_tokens(words) != words:
        text = mask_tokens(text)
    text = mask_named(mask_commands(mask_urls(text)))
    return mask_random(text) if may_be_random(words) else text


def mask_start(text: str, keep: int) -> str:
    """The masked beginning of a text, of which the caller keeps `keep` characters at most; the rest is not even read."""
    return mask_text(text[: keep + OVERLAP])
