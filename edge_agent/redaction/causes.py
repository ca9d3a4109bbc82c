"""Words that stand behind `token:` or `password:` and say what is wrong with it; they are no secrets, and a diagnosis needs them."""

from __future__ import annotations

import re
from typing import Final

_WORDS_WRITTEN: Final = (
    "a about above absent access account actual already an and any apiversion are argument as at auth authentication authorization bad "
    "bearer because been being below blank but by can cannot cant change changed check client code command config configuration connection "
    "contains content context could couldn crypto cut data database deadline decode decoding decrypt default denied deprecated dial did "
    "disabled does doesn don due during each empty enabled encoded encoding eof err error errors exceeded exec exists exit expected "
    "expiration expired expires fail failed failing failure false fetch field file for forbidden format found from generated get got had has "
    "have header http https if illegal in incorrect invalid io is isn issued issuer it json jwt key keys kind length loading lookup "
    "malformed may might mismatch mismatched missing must need needs nil no none nonexistent not null of ok on only open or out override "
    "parse parsing password path permission please post provided put read reading received refresh refreshed rejected renewal renewed "
    "request required retry revoked rotated rotation rpc secret secrets server service set should signature skip skipped some stale status "
    "still that the this time timeout to token tokens too true tls type unable unauthenticated unauthorized undefined unexpected unknown "
    "unmarshal unset unspecified unsupported update updated use used user using validate validation value values verification verify "
    "violation was watch when while will with without wrong yaml yes you your x509 optional redacted hidden masked omitted string integer "
    "boolean number object array bytes pending ready rotating inactive active valid expiring revision sealed locked unlocked initialized "
    "uninitialized allow allowed deny files unavailable available accepted provider serviceaccount serviceaccounts pod pods configmap configmaps"
)
_WORDS: Final = frozenset(_WORDS_WRITTEN.split())
_STATES_WRITTEN: Final = "true false yes no on off null none nil undefined empty unset missing invalid expired required unauthorized redacted hidden masked filtered sensitive removed omitted"
_STATES: Final = frozenset(_STATES_WRITTEN.split())
_FIRST: Final = re.compile(r"x509|oauth2|[A-Za-z][A-Za-z']*")
_ENDS: Final = ("", " ", ",", ".", ":", ";", "\n", "\t", ")", "'", '"', "!", "(", "\\", "]", "}")


def is_cause(text: str, start: int) -> bool:
    """Whether what begins here is a sentence about the secret, not the secret."""
    word = _FIRST.match(text, start)
    if not word or not _ends(text, word.end()):
        return False
    if text.startswith(": ", word.end()):
        return True  # `token: oauth2: cannot fetch`
    return word[0].lower().partition("'")[0] in _WORDS


def _ends(text: str, at: int) -> bool:
    """Whether a word ends here, and is not the beginning of a longer one: `the.s3cret`, `Some("x")`."""
    sign, after = text[at : at + 1], text[at + 1 : at + 2]
    if sign in ("(", "."):
        return not after.isalnum() and after not in ("'", '"', "\\") if sign == "(" else not after.isalnum()
    return sign in _ENDS


def is_state(value: str) -> bool:
    """Whether a whole value says only how it stands with the secret: `none`, `expired`."""
    return value.strip("[](){}<>").lower() in _STATES or not value.strip("*")
