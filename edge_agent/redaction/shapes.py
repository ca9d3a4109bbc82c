"""Secrets that are known by their shape: tokens of vendors, private keys, and strings that are too random to be a name."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

TOKENS: Final = re.compile(
    r"""(?<![A-Za-z0-9])(?=[A-Za-z0-9])(?:
      eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)*                       # JSON web tokens
    | (?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[0-9A-Z]{16}              # AWS
    | gh[pousr]_\w{20,} | github_pat_\w{20,}                     # GitHub
    | gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat)-[\w-]{15,}       # GitLab
    | xox[abeoprs]-[\w-]{10,} | xapp-[\w-]{10,}                  # Slack
    | (?:sk|rk|pk|whsec)_(?:live|test)_\w{10,} | whsec_[\w+/=]{16,}   # Stripe
    | sk-(?:ant-|proj-|svcacct-|or-v1-)?[\w-]{20,}               # Anthropic, OpenAI
    | AIza[\w-]{30,} | ya29\.[\w-]{20,} | GOCSPX-[\w-]{20,} | 1//0[\w-]{30,}    # Google
    | SG\.[\w-]{16,}\.[\w-]{16,}                                 # SendGrid
    | key-[0-9a-f]{32} | [0-9a-f]{32}-us\d{1,2}                  # Mailgun, Mailchimp
    | SK[0-9a-f]{32} | AC[0-9a-f]{32}                            # Twilio
    | npm_\w{30,} | pypi-[\w-]{16,} | rubygems_[0-9a-f]{40,} | dckr_(?:pat|oat)_[\w-]{20,} | cio\w{32,}
    | hf_\w{20,} | r8_\w{30,} | gsk_\w{20,} | xai-\w{20,} | pplx-\w{20,}        # models' vendors
    | do[opr]_v1_[0-9a-f]{40,} | hv[sbr]\.[\w-]{20,} | s\.[A-Za-z0-9]{24}(?![\w.])     # DigitalOcean, Vault
    | dapi[0-9a-f]{32} | dop_v1_\w{30,} | dp\.(?:pt|st|ct|sa|scim|audit)\.[\w-]{20,}   # Databricks, Doppler
    | shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32} | sq0(?:atp|csp|idp)-[\w-]{20,} | EAA[A-Za-z0-9]{40,}
    | PMAK-[\w-]{30,} | lin_api_\w{20,} | ntn_\w{20,} | secret_\w{40,} | figd_[\w-]{20,} | ATATT[\w=-]{20,} | ATBB\w{20,}
    | NRAK-[A-Z0-9]{20,} | NRII-[\w-]{20,} | glsa_\w{20,} | glc_[\w+/=]{20,} | sntry[su]_[\w+/=.-]{20,} | phc_\w{20,} | dd[ap]_\w{30,}
    | S[UAOCNX][A-Z2-7]{56} | AGE-SECRET-KEY-1[A-Z0-9]{30,} | tskey-[\w-]{16,} | sbp_[0-9a-f]{30,} | pscale_(?:pw|tkn|oauth)_[\w.-]{20,}
    | cf(?:ut|at)?_[\w-]{36,} | v1\.0-[0-9a-f]{20,}-[0-9a-f]{20,} | PRIVATE-KEY-[\w-]{20,} | ops_eyJ[\w-]{20,} | nfp_\w{30,} | vercel_\w{20,}
    | bot\d{8,10}:[\w-]{30,} | \d{8,10}:AA[\w-]{30,}             # Telegram
    | K10[0-9a-f]{50,}::\w+:\w+ | (?=[a-z]{0,5}\d)[a-z0-9]{6}\.(?=[a-z]{0,15}\d)[a-z0-9]{16}(?![\w.-])    # k3s, kubeadm
    )""",
    re.VERBOSE,
)
_BEGIN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=]+")
_PEM_LINE: Final = 80
_PEM_FULL: Final = 40
"""Characters of a line of a key, at most, and of all but its last at least."""
_PEM_PIECE: Final = 8192
"""Characters before the end of a key whose beginning was cut off, at most."""
LONG: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{24,}+={0,2}")
"""What may be a random string. Possessive: it is read once."""
_SEPARATORS: Final = re.compile(r"[-_/]+")
_HEX: Final = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_PARTS: Final = re.compile(r"[A-Za-z0-9+]+")
_LEAST_MIXED: Final = 14
"""Characters of parts that mix upper and lower case, without which nothing is judged by them."""
_CHANGES: Final = 0.36
"""Share of neighbours of different classes (lower, upper, digit, other), above which mixed parts are random.

Among random base64 it is 0.645 (1 - (26*26 + 26*26 + 10*10 + 2*2) / 64*64), with a deviation of 0.085 in 32 characters; names in camel case stay below 0.3."""
_LEAST_DIGITS: Final = 5
_LOOKED_AT: Final = 400
"""Characters of a long word that are judged: what is random is so from the beginning."""


def private_keys(text: str) -> list[tuple[int, int]]:
    """Where private keys stand in PEM, also one of which the beginning or the end was cut off."""
    found: list[tuple[int, int]] = []
    at = 0
    while True:
        begin, end = _BEGIN.search(text, at), _END.search(text, at)
        if begin is None and end is None:
            return found
        if end is not None and (begin is None or end.start() < begin.start()):
            found.append((_piece_before(text, at, end.start()), end.end()))
            at = end.end()
        elif end is None:
            assert begin is not None
            found.append((begin.start(), len(text)))
            return found
        else:
            assert begin is not None
            found.append((begin.start(), end.end()))
            at = end.end()


def _piece_before(text: str, least: int, end: int) -> int:
    """Where the base64 before the end of a key begins: full lines of it, and one that may be short."""
    start = end
    shortest = 1
    while start > max(least, end - _PEM_PIECE):
        line = text.rfind("\n", least, start - 1) + 1 or least
        content = text[line:start].strip()
        if content and not (shortest <= len(content) <= _PEM_LINE and _BASE64.fullmatch(content)):
            break
        shortest = _PEM_FULL if content else shortest
        start = line
    return start


def is_random(word: str) -> bool:
    """Whether a long word is too random for a name, a path, a digest or an id."""
    bare = word.rstrip("=")[:_LOOKED_AT]
    if _HEX.fullmatch(_SEPARATORS.sub("", bare)):
        return False
    parts = _PARTS.findall(bare)
    mixed = [part for part in parts if _is_mixed(part)]
    length = sum(map(len, mixed))
    if length >= _LEAST_MIXED:
        changes = sum(_changes(part) for part in mixed)
        return changes / max(1, length - len(mixed)) >= _CHANGES
    return len(parts) == 1 and len(bare) >= 32 and sum(each.isdigit() for each in bare) >= _LEAST_DIGITS


def _is_mixed(part: str) -> bool:
    return part != part.lower() and part != part.upper()


def _changes(part: str) -> int:
    classes = [_class(each) for each in part]
    return sum(one != other for one, other in pairwise(classes))


def _class(char: str) -> int:
    return 0 if char.islower() else 1 if char.isupper() else 2 if char.isdigit() else 3
