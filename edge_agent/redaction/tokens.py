"""Secrets that their form gives away: the tokens of vendors, private keys, hashes of passwords.

Each format is looked for only where its first letters occur. None of them can look at a character more than a bounded number of times.
"""

from __future__ import annotations

import re
from typing import Final

from aetherius.edge_agent.redaction.marks import hashed

_HEX: Final = "[0-9a-fA-F]"
_TOKENS: Final = (
    r"s(?<![\w.]s)\.[A-Za-z0-9]{24}(?![\w.])",
    rf"key-(?<![\w-]key-){_HEX}{{32}}",
    # The first part goes to its end, from its beginning only: else each of many beginnings would read all of it again.
    r"eyJ(?:(?<![A-Za-z0-9_-]eyJ)|(?<=\\[nrt]eyJ))[\w-]{8,}+\.[\w-]{4,}+(?:\.[\w-]*+){0,3}",
    r"1//0[\w-]{20,}",
    r"AKIA[0-9A-Z]{12,}",
    r"ASIA[0-9A-Z]{16}",
    r"ABIA[0-9A-Z]{16}",
    r"ACCA[0-9A-Z]{16}",
    r"ABSK[\w+/=]{40,}",
    r"AIza[\w-]{30,}",
    r"AT(?:ATT|CTT|BB)3?[\w=-]{24,}",
    r"AGE-SECRET-KEY-1[0-9A-Z]{20,}",
    r"AKCp[A-Za-z0-9]{40,}",
    r"CFPAT-[\w-]{30,}",
    r"CCIPAT_\w{20,}",
    r"EAAA[\w+=/-]{50,}",
    r"GR1348941[\w-]{16,}",
    r"GOCSPX-[\w-]{20,}",
    r"HRKU-[\w-]{20,}",
    rf"K10{_HEX}{{64}}::\w+:\w+",
    r"NRAK-[A-Z0-9]{20,}",
    r"NRII-[\w-]{20,}",
    r"P(?<![\w-]P)ATV?[A-Z0-9]{30,}",
    r"PMAK-[0-9a-f-]{30,}",
    r"SG\.[\w-]{16,200}\.[\w-]{16,}",
    rf"SK{_HEX}{{32}}",
    r"api_org_[A-Za-z]{20,}",
    r"bkua_[0-9a-f]{30,}",
    rf"do[opr]_v1_{_HEX}{{32,}}",
    rf"dapi{_HEX}{{32}}(?:-\d)?",
    r"dckr_(?:pat|oat)_[\w-]{16,}",
    r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{20,}",
    r"dt0c01\.[A-Z0-9.]{24,}",
    r"ddp_\w{30,}",
    r"eyJrIjoi[\w+/=-]{20,}",
    r"fo1_[\w-]{30,}",
    r"fm2_[\w+/=]{30,}",
    r"fig[dours]{1,2}_[\w-]{20,}",
    r"gh[pousr]_\w{20,}",
    r"github_pat_\w{20,}",
    r"gl(?:pat|dt|rt|rtr|ft|soat|cbt|ptt|imt|agent|oas|ffct|wt)-[\w.-]{15,}",
    r"gsk_\w{20,}",
    r"gl(?:sa|c)_[\w=+/-]{20,}",
    r"hf_[A-Za-z0-9]{20,}",
    r"hv[sbr]\.[\w-]{16,}",
    r"lin_(?:api|oauth)_\w{20,}",
    r"lsv2_[a-z]{2}_\w{20,}",
    r"npm_[A-Za-z0-9]{30,}",
    r"nvapi-[\w-]{20,}",
    r"ntn_\w{30,}",
    r"ops_eyJ[\w-]{20,}",
    r"pypi-Ag[\w-]{16,}",
    r"pplx-\w{20,}",
    r"pscale_(?:tkn|pw|oauth)_[\w.-]{20,}",
    rf"pul-{_HEX}{{40}}",
    r"pat[A-Za-z0-9]{14}\.[0-9a-f]{40,}",
    r"r8_\w{30,}",
    r"rubygems_[0-9a-f]{32,}",
    r"s(?<![A-Za-z0-9-]s)k-(?=[\w-]{0,100}[A-Z0-9])[\w-]{16,}",
    r"s(?<=\\[nrt]s)k-[\w-]{16,}",
    r"sk_(?:live|test)_\w{10,}",
    r"rk_(?:live|test)_\w{10,}",
    r"sk_[0-9a-f]{32,}",
    rf"shp(?:at|ca|pa|ss)_{_HEX}{{32}}",
    r"sq0[a-z]{3}-[\w-]{20,}",
    r"secret_[A-Za-z0-9]{40,}",
    r"sntry[su]_[\w+/=-]{20,}",
    r"sgp_\w{30,}",
    r"tskey-[a-z]+-[\w-]{10,}",
    r"tok_[A-Za-z0-9]{20,}",
    r"whsec_[\w+/=-]{16,}",
    r"xox[a-z]-[\w-]{10,}",
    r"xapp-\d-[\w-]{10,}",
    r"xai-\w{20,}",
    r"ya29\.[\w-]{10,}",
)
"""Each begins with a plain letter."""
_WITHIN: Final[tuple[tuple[str, str], ...]] = (
    # what is looked for first, then the whole of it
    ("hooks.slack.com", r"(?<=hooks\.slack\.com)/(?:services|workflows|triggers)/[\w/-]{8,}"),
    ("/api/webhooks/", r"(?<=/api/webhooks/)[\w/-]{20,}"),
    ("8Q~", r"(?<=\w{3})8Q~[\w.~-]{20,}"),
    ("7Q~", r"(?<=\w{3})7Q~[\w.~-]{20,}"),
    ("-us", r"(?<![0-9a-f])[0-9a-f]{32}-us\d{1,2}"),
    (".atlasv1.", r"\.atlasv1\.[\w=-]{40,}"),
    ("AAF", r"(?<=\d:)AAF[\w-]{30,}"),
    (":AA", r"(?<=\d{8}):AA[\w-]{30,}"),
    ("v2.", r"(?<![\w.])v2\.(?:public|local)\.[\w-]{20,}"),
    ("oauth2:", r"(?<=oauth2:)[\w-]{16,}"),
    ("$2", r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}"),
    ("$argon2", r"\$argon2[id]{1,2}\$[\w.,=/+$-]{20,}"),
    ("$6$", r"\$6\$[\w./$=]{20,}"),
    ("$5$", r"\$5\$[\w./$=]{20,}"),
    ("$y$", r"\$y\$[\w./$]{20,}"),
    ("$apr1$", r"\$apr1\$[\w./$]{20,}"),
    ("{SSHA", r"\{SSHA\d{0,3}\}[\w+/=]{16,}"),
)


def _by_first_letter(patterns: tuple[str, ...]) -> str:
    """One pattern for all: what begins with another letter is passed over without a look."""
    rests: dict[str, list[str]] = {}
    for pattern in patterns:
        rests.setdefault(pattern[0], []).append(pattern[1:])
    return "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in rests.items())


_TOKEN: Final = re.compile(_by_first_letter(_TOKENS), re.ASCII)
"""ASCII: what a guard before a token takes for no part of it must be none behind its first letters either, or each of many beginnings reads to the end."""
_COMPILED: Final = tuple((begin, re.compile(pattern)) for begin, pattern in _WITHIN)

_KEY: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_KEY_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_BODY: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\\ \t\n"


def mask_tokens(text: str) -> str:
    """The text without tokens of known form."""
    if "PRIVATE KEY" in text:
        text = _mask_key_ends(_KEY.sub(lambda match: hashed(match[0]), text))
    text = _TOKEN.sub(lambda match: hashed(match[0]), text)
    for begin, pattern in _COMPILED:
        if begin in text:
            text = pattern.sub(lambda match: hashed(match[0]), text)
    return text


def _mask_key_ends(text: str) -> str:
    """Without the last lines of keys whose beginnings were cut off."""
    pieces, done = [], 0
    for end in _KEY_END.finditer(text):
        before = text[done : end.start()]
        kept = before.rstrip(_BODY)
        if line := before[len(kept) :].find("\n") + 1:  # words of the line before are no part of the key
            kept = before[: len(kept) + line]
        pieces += [kept, hashed(before[len(kept) :] + end[0])]
        done = end.end()
    return "".join([*pieces, text[done:]])
