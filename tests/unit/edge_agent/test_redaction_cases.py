"""Every case of `tests/cases/redaction/`: secrets do not come out, and what a diagnosis needs stays; how much random text gets through; how long it takes."""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aetherius.edge_agent.redaction import mask_output, mask_start, mask_text
from listed_cases import cases

SIZE = 64 * 1024


def masked(case: dict[str, Any]) -> str:
    """What a case comes out as: through the text's masking, or through that of the verb that printed it."""
    through = case["through"]
    if through == "text":
        return mask_text(case["text"])
    text = json.dumps(case["object"]) if "object" in case else case["text"]
    return mask_output(text, through.split()[0], "json" if "-o json" in through else None)


@pytest.mark.parametrize("case", cases("redaction"))
def test_a_secret_does_not_come_out_and_the_rest_stays(case: dict[str, Any]) -> None:
    out = masked(case)
    assert [secret for secret in case.get("secret", []) if secret in out] == []
    assert [kept for kept in case.get("keep", []) if kept not in out] == []


@pytest.mark.parametrize("case", cases("redaction"))
def test_what_is_masked_stays_so(case: dict[str, Any]) -> None:
    once = mask_text(masked(case))
    assert mask_text(once) == once


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("length", [24, 30, 48])
def test_random_text_gets_through_in_less_than_one_of_a_hundred_cases(
    encode: Callable[[bytes], bytes], length: int
) -> None:
    """Half of it is too much, too."""
    draw, samples = random.Random(7), 3000
    through = 0
    for _ in range(samples):
        word = encode(draw.randbytes(length)).decode()
        out = mask_text(f"started with {word} today")
        through += any(word[at : at + 16] in out for at in range(len(word) - 16))
    assert through < samples / 100


MADE = [
    "payment",
    "Authorization",
    "Service",
    "impl",
    "Controller",
    "kube",
    "proxy",
    "http",
    "Client",
    "factory",
    "order",
    "Repository",
    "config",
]


def test_names_digests_and_ids_stay_readable() -> None:
    draw = random.Random(11)
    for _ in range(2000):
        words = draw.choices(MADE, k=draw.randint(3, 6))
        digest = draw.randbytes(32).hex()
        pod = f"{'-'.join(words).lower()}-{draw.randbytes(5).hex()}-{''.join(draw.choices('bcdfghjklmnpqrstvwxz2456789', k=5))}"
        for name in (
            f"com.example.{'.'.join(words).lower()}.{''.join(word.title() for word in words)}",
            f"/usr/lib/{'/'.join(words)}-{draw.randint(1, 9)}.{draw.randint(0, 20)}.jar",
            f"registry.example.com/{'/'.join(words).lower()}:v1.{draw.randint(0, 99)}@sha256:{digest}",
            f"sha256:{digest}",
            digest[:40],
            pod,
            "_".join(words).upper(),
        ):
            assert mask_text(f"found {name} here") == f"found {name} here"


PIECES = [
    "a", "-", "=", ":", "@", "/", ".", '"', "'", "\\", '\\"', " ", "\n", "\t", "<", ">", "[", "{", "%", "é", "İ", "\x1b[", "A1b", "token-", "password=",
    "password: ", "password: |\n ", "key ", "--password ", "<password>", "eyJ", "eyJaaaaaaaaa.", "sk-", "ghp_", "://a:", "://a:b@", "SG.aaaaaaaaaaaaaaaaaaaa",
    "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "MIIEMIIEMIIE\n", "mysql ", "mysql -p", "bearer ", "\\\\\\\"token\\\\\\\":", "0123456789abcdef",
    "password ", "password,", "token | ", "name: password\n", '"name":"token",', "value: x, ", "AUTH a1 ", "identified by '", "kind: Secret\n", "data:\n", "  a: b\n", "stringData\": {",
    "password (", "<entry key=\"password\">", "_", "ghp_a1", "glpat-", "sdk-", "hvs.", ".0123456789abcdef", "-01234567-01234567", "password for x = ", "&a ", "!!str ",
    "<a1b2>", "$A", "a1b2c3 ", "Containers:\n", "  app:\n", "Data\n====\n", "Args:\n", "kubectl --from-literal=a=", "echo a:b | chpasswd ", "unseal key 1: ", "AKIA", "eyJ.", "\u00a0",
    '{"password":"x",', "name: PASSWORD, value: ", "password is ", "\\u003c", "&lt;", "password=[", "Environment:\n", "Liveness: exec [", "Value: ",
]  # fmt: skip


def spent(mask: Callable[[str], object], text: str) -> float:
    """Seconds of this thread's own work; the better of two."""
    best = 99.0
    for _ in range(2):
        begun = time.thread_time()
        mask(text)
        best = min(best, time.thread_time() - begun)
    return best


def ways(text: str) -> None:
    mask_text(text)
    mask_output(text, "describe", None)


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=3))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_four_times_the_text_takes_about_four_times_as_long(pieces: list[str]) -> None:
    """Whatever is repeated; a square would take sixteen times as long, and the smallest times say nothing."""
    piece = "".join(pieces)
    short, long = piece * (SIZE // 4 // len(piece)), piece * (SIZE // len(piece))
    assert spent(ways, long) <= 10 * max(spent(ways, short), 0.01)


@pytest.mark.parametrize("piece", [*PIECES, *(f"é{each}" for each in PIECES)])
def test_no_text_takes_long(piece: str) -> None:
    """The bound is a hundred times what it takes for most; what is quadratic takes minutes."""
    assert spent(mask_text, piece * (SIZE // len(piece))) < 1.0


def test_where_the_rest_is_thrown_away_it_is_not_read() -> None:
    word = base64.b64encode(random.Random(3).randbytes(48)).decode()
    out = mask_start("x " * 2040 + word + " y" * SIZE, 4096)
    assert len(out) < 8192
    assert word[:16] not in out[:4096]
