"""Secrets that their form gives away: the tokens of vendors, private keys, hashes of passwords.

A format is looked for only where the sign stands that ends its first letters (`ghp_`, `glpat-`, `SG.`), so that most of a text is passed over without a
look. None of the formats can look at a character more than a bounded number of times.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Final

from aetherius.edge_agent.redaction.keys import mask_keys
from aetherius.edge_agent.redaction.marks import hashed

_HEX: Final = "[0-9a-fA-F]"
_ID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_UNDERSCORE: Final = {
    "ghp_": r"\w{20,}", "gho_": r"\w{20,}", "ghu_": r"\w{20,}", "ghs_": r"\w{20,}", "ghr_": r"\w{20,}", "github_pat_": r"\w{20,}",
    "CCIPAT_": r"\w{20,}", "api_org_": r"[A-Za-z]{20,}", "bkua_": r"[0-9a-f]{30,}", "dop_v1_": rf"{_HEX}{{32,}}", "doo_v1_": rf"{_HEX}{{32,}}",
    "dor_v1_": rf"{_HEX}{{32,}}", "dckr_pat_": r"[\w-]{16,}", "dckr_oat_": r"[\w-]{16,}", "ddp_": r"\w{30,}", "ddapp_": r"\w{30,}", "fo1_": r"[\w-]{30,}",
    "fm2_": r"[\w+/=]{30,}", "figd_": r"[\w-]{20,}", "figo_": r"[\w-]{20,}", "figu_": r"[\w-]{20,}", "figr_": r"[\w-]{20,}", "figs_": r"[\w-]{20,}",
    "gsk_": r"\w{20,}", "glsa_": r"[\w=+/-]{20,}", "glc_": r"[\w=+/-]{20,}", "hf_": r"[A-Za-z0-9]{20,}", "lin_api_": r"\w{20,}", "lin_oauth_": r"\w{20,}",
    "lsv2_pt_": r"\w{20,}", "lsv2_sk_": r"\w{20,}", "npm_": r"[A-Za-z0-9]{30,}", "ntn_": r"\w{30,}", "ops_": r"eyJ[\w-]{20,}",
    "pscale_tkn_": r"[\w.-]{20,}", "pscale_pw_": r"[\w.-]{20,}", "pscale_oauth_": r"[\w.-]{20,}", "r8_": r"\w{30,}", "rubygems_": r"[0-9a-f]{32,}",
    "sk_live_": r"\w{10,}", "sk_test_": r"\w{10,}", "rk_live_": r"\w{10,}", "rk_test_": r"\w{10,}", "sk_": r"[0-9a-f]{32,}",
    "shpat_": rf"{_HEX}{{32}}", "shpca_": rf"{_HEX}{{32}}", "shppa_": rf"{_HEX}{{32}}", "shpss_": rf"{_HEX}{{32}}", "secret_": r"[A-Za-z0-9]{40,}",
    "sntrys_": r"[\w+/=-]{20,}", "sntryu_": r"[\w+/=-]{20,}", "sgp_": r"\w{30,}", "tok_": r"[A-Za-z0-9]{20,}", "whsec_": r"[\w+/=-]{16,}",
    "sbp_": r"[0-9a-f]{40}", "sb_secret_": r"[\w-]{20,}", "squ_": r"[0-9a-f]{40}", "sqp_": r"[0-9a-f]{40}", "sqa_": r"[0-9a-f]{40}",
    "CLOJARS_": r"[0-9a-f]{40,}", "rzp_live_": r"\w{14,}", "rzp_test_": r"\w{14,}", "shippo_live_": r"[0-9a-f]{32,}", "shippo_test_": r"[0-9a-f]{32,}",
    "live_": r"[0-9a-f]{35}", "test_": r"[0-9a-f]{35}", "fw_": r"(?=[a-z]{0,23}\d)(?=[a-z0-9]{0,23}[A-Z])[A-Za-z0-9]{24}", "nfp_": r"\w{30,}",
    "vercel_": r"[A-Za-z0-9]{24,}", "pcsk_": r"\w{40,}", "jina_": r"[0-9a-f]{32}\w{20,}", "tgp_v1_": r"[\w-]{30,}", "phx_": r"\w{30,}", "dbtc_": r"[\w-]{30,}",
    "napi_": r"[a-z0-9]{50,}", "rnd_": r"[A-Za-z0-9]{28,}", "pnu_": r"[a-z0-9]{36}", "duffel_live_": r"[\w-]{30,}", "tfp_": r"[\w-]{30,}", "hcaik_": r"\w{50,}",
}  # fmt: skip
"""First letters, and what follows them; so the next ones."""
_DASH: Final = {
    "key-": rf"(?<![\w-]key-){_HEX}{{32}}", "AGE-SECRET-KEY-": r"1[0-9A-Z]{20,}", "CFPAT-": r"[\w-]{30,}", "GOCSPX-": r"[\w-]{20,}", "HRKU-": r"[\w-]{20,}",
    "NRAK-": r"[A-Z0-9]{20,}", "NRII-": r"[\w-]{20,}", "NRRA-": r"[0-9a-f]{30,}", "NRJS-": r"[0-9a-f]{16,}", "PMAK-": r"[0-9a-f-]{30,}",
    "lsv2-": r"\w{20,}", "nvapi-": r"[\w-]{20,}", "pypi-": r"Ag[\w-]{16,}", "pplx-": r"\w{20,}", "pul-": rf"{_HEX}{{40}}",
    "sk-": r"(?:(?<![A-Za-z0-9-]sk-)(?=[\w-]{0,100}[A-Z0-9])|(?<=\\[nrt]sk-))[\w-]{16,}", "tskey-": r"[a-z]+-[\w-]{10,}", "xai-": r"\w{20,}",
    "sdk-": rf"(?<![\w-]sdk-){_ID}", "mob-": rf"(?<![\w-]mob-){_ID}", "pat-na1-": _ID, "pat-eu1-": _ID,
    "access-production-": _ID, "access-sandbox-": _ID, "access-development-": _ID, "FLWSECK-": r"[\w-]{20,}", "FLWSECK_TEST-": r"[\w-]{20,}",
    "xkeysib-": r"[\w-]{32,}", "xsmtpsib-": r"[\w-]{32,}", "tvly-": r"[\w-]{20,}", "v1.0-": r"[0-9a-f]{24}-[0-9a-f]{100,}",
} | {f"gl{kind}-": r"[\w.-]{15,}" for kind in ["pat", "dt", "rt", "rtr", "ft", "soat", "cbt", "ptt", "imt", "agent", "oas", "ffct", "wt"]} | {
    f"sq0{kind}-": r"[\w-]{20,}" for kind in ("atp", "csp", "idp")
} | {f"xox{letter}-": r"[\w-]{10,}" for letter in "abcdeoprs"} | {"xapp-": r"\d-[\w-]{10,}"}  # fmt: skip
_DOT: Final = {
    "s.": r"(?<![\w.]s\.)[A-Za-z0-9]{24}(?![\w.])", "SG.": r"[\w-]{16,200}\.[\w-]{16,}", "dt0c01.": r"[A-Z0-9.]{24,}", "dt0s16.": r"[A-Z0-9.]{24,}",
    "hvs.": r"[\w-]{16,}", "hvb.": r"[\w-]{16,}", "hvr.": r"[\w-]{16,}", "ya29.": r"[\w-]{10,}", "sk.": r"eyJ[\w.-]{20,}", "xoxe.": r"xox[bp]-[\w-]{10,}",
} | {f"dp.{kind}.": r"[\w.-]{20,}" for kind in ("pt", "st", "ct", "sa", "scim", "audit")}  # fmt: skip
_UPPER: Final = (
    r"A(?:[KSB]IA[0-9A-Z]{12,}|CCA[0-9A-Z]{16}|BSK[\w+/=]{40,}|Iza[\w-]{30,}|T(?:ATT|CTT|BB)3?[\w=-]{24,}|KCp[A-Za-z0-9]{40,})"
    rf"|EAAA[\w+=/-]{{50,}}|GR1348941[\w-]{{16,}}|K10{_HEX}{{64}}::\w+:\w+|P(?<![\w-]P)ATV?[A-Z0-9]{{30,}}|S(?:K{_HEX}{{32}}|CW[A-Z0-9]{{17}}(?![A-Z0-9]))"
    r"|LTAI(?=[A-Za-z]{0,23}\d)[A-Za-z0-9]{16,26}(?![\w-])"
)
"""What begins with capitals; of them most texts have few."""
_WITHIN: Final[tuple[tuple[str, str, str], ...]] = (
    # one of its rare characters, some of its letters, the whole of it
    ("J", "eyJ", r"eyJ(?:(?<![A-Za-z0-9_-]eyJ)|(?<=\\[nrt]eyJ))[\w-]{8,}+\.[\w-]{4,}+(?:\.[\w-]*+){0,3}"),
    ("J", "eyJrIjoi", r"eyJrIjoi[\w+/=-]{20,}"),
    ("/", "1//0", r"1//0[\w-]{20,}"),
    ("d", "dapi", rf"dapi{_HEX}{{32}}(?:-\d)?"),
    ("d", "dose", rf"dose{_HEX}{{32}}(?:-\d)?"),
    ("t", "pat", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{40,}"),
    ("N", "NRAL", rf"(?<!{_HEX}){_HEX}{{36}}NRAL"),
    ("h", "hooks.slack.com", r"(?<=hooks\.slack\.com)/(?:services|workflows|triggers)/[\w/-]{8,}"),
    ("/", "hooks.zapier.com", r"(?<=hooks\.zapier\.com)/hooks/catch/[\w/-]{6,}"),
    ("/", "webhook.office.com", r"(?<=webhook\.office\.com)/webhookb2/[\w/@-]{20,}"),
    ("/", "outlook.office.com/webhook/", r"(?<=outlook\.office\.com)/webhook/[\w/@-]{20,}"),
    ("/", "/api/webhooks/", r"(?<=/api/webhooks/)[\w/-]{20,}"),
    ("~", "8Q~", r"(?<=\w{3})8Q~[\w.~-]{20,}"),
    ("~", "7Q~", r"(?<=\w{3})7Q~[\w.~-]{20,}"),
    ("-", "-us", r"(?<![0-9a-f])[0-9a-f]{32}-us\d{1,2}"),
    ("v", ".atlasv1.", r"\.atlasv1\.[\w=-]{40,}"),
    ("A", "AAF", r"(?<=\d:)AAF[\w-]{30,}"),
    ("A", ":AA", r"(?<=\d{8}):AA[\w-]{30,}"),
    ("v", "v2.", r"(?<![\w.])v2\.(?:public|local)\.[\w-]{20,}"),
    ("2", "oauth2:", r"(?<=oauth2:)[\w-]{16,}"),
    ("$", "access_token$", r"access_token\$\w{4,16}\$\w{10,20}\$[0-9a-f]{32}"),
    ("$", "$2", r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}"),
    ("$", "$argon2", r"\$argon2[id]{1,2}\$[\w.,=/+$-]{20,}"),
    ("$", "$6$", r"\$6\$[\w./$=]{20,}"),
    ("$", "$5$", r"\$5\$[\w./$=]{20,}"),
    ("$", "$y$", r"\$y\$[\w./$]{20,}"),
    ("$", "$apr1$", r"\$apr1\$[\w./$]{20,}"),
    ("{", "{SSHA", r"\{SSHA\d{0,3}\}[\w+/=]{16,}"),
)


class _Formats:
    """Formats whose first letters end in one sign: only where it stands is looked for them."""

    def __init__(self, sign: str, formats: dict[str, str]) -> None:
        prefixes = sorted(formats, key=lambda prefix: (prefix[-2], -len(prefix)))
        self._widths = [len(prefix) for prefix in prefixes]
        self._rests = [re.compile(formats[prefix], re.ASCII) for prefix in prefixes]
        self._begin = re.compile(re.escape(sign) + "(?:" + "|".join(_by_letter_before(prefixes)) + ")")

    def begins(self, text: str) -> bool:
        """Whether the first letters of one of them stand in a text."""
        return self._begin.search(text) is not None

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the tokens begin and end."""
        done = 0
        for begin in self._begin.finditer(text):
            at = (begin.lastindex or 1) - 1
            start = begin.end() - self._widths[at]
            if start >= done and (rest := self._rests[at].match(text, begin.end())):
                done = rest.end()
                yield start, done


def _by_letter_before(prefixes: list[str]) -> Iterator[str]:
    """Alternatives, those of one letter before the sign together: one look at it passes over all of the others."""
    for letters, group in itertools.groupby(prefixes, key=lambda prefix: prefix[-2:]):
        yield f"(?<={re.escape(letters)})(?:" + "|".join(f"(?<={re.escape(prefix)})()" for prefix in group) + ")"


_FORMATS: Final = (_Formats("_", _UNDERSCORE), _Formats("-", _DASH), _Formats(".", _DOT))
_CAPITALS: Final = re.compile(_UPPER, re.ASCII)
_COMPILED: Final = tuple((sign, begin, re.compile(pattern, re.ASCII)) for sign, begin, pattern in _WITHIN)
"""ASCII: what a guard before a token takes for no part of it must be none behind its first letters either, or each of many beginnings reads to the end."""
_IN_HEX: Final = tuple(
    (re.compile(begin), re.compile(whole))
    for begin, whole in (
        (r"\.[a-z0-9]{16}(?![\w.-])", r"(?<![\w./@-])[a-z0-9]{6}\.(?=[a-z]{0,15}\d)[a-z0-9]{16}(?![\w.-])"),
        (r"/\d{12,20}:[0-9a-f]{32}", r"(?<![\d/])\d/\d{12,20}/\d{12,20}:[0-9a-f]{32}"),
        (
            r"-(?<=[0-9a-f]-)[0-9a-f]{8}-[0-9a-f]{8}(?![\w-])",
            r"(?<![\w-])[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![\w-])",
        ),
    )
)
"""Where a quick search finds a part, the whole of it: with no letters of its own but an order of numbers."""


def may_begin_token(name: str) -> bool:
    """Whether the first letters of a format stand in a name of small parts: some tokens are such names."""
    return any(formats.begins(name) for formats in _FORMATS)


def mask_tokens(text: str) -> str:
    """The text without tokens of known form."""
    if "PRIVATE" in text or "Private" in text:
        text = mask_keys(text)
    text = _mask_all(text)
    text = _CAPITALS.sub(lambda match: hashed(match[0]), text)
    for sign, begin, pattern in _COMPILED:
        if sign in text and begin in text:
            text = pattern.sub(lambda match: hashed(match[0]), text)
    for part, whole in _IN_HEX:
        if part.search(text):
            text = whole.sub(lambda match: hashed(match[0]), text)
    return text


def _mask_all(text: str) -> str:
    """Without the tokens of all formats; of two that overlap the one that begins first."""
    pieces, done = [], 0
    for start, end in sorted(span for formats in _FORMATS for span in formats.spans(text)):
        if start >= done:
            pieces += [text[done:start], hashed(text[start:end])]
            done = end
        elif end > done:
            pieces[-1], done = hashed(text[start:end]), end
    return "".join([*pieces, text[done:]]) if done else text
