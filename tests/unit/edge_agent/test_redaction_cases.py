"""Redaction on cases kept as data: a case is added by a file, or by a line in one, in `tests/cases/redaction`."""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from aetherius.edge_agent.redaction import mask_beginning, mask_description, mask_object, mask_text

FOLDER: Final = Path(__file__).parents[2] / "cases" / "redaction"
CASES: Final = [
    pytest.param(case, id=f"{file.stem}-{number}")
    for file in sorted(FOLDER.glob("*.yaml"))
    for number, case in enumerate(yaml.safe_load(file.read_text()))
]
SIZE: Final = 64 * 1024


def masked(case: dict[str, Any]) -> str:
    if "object" in case:
        return json.dumps(mask_object(case["object"]))
    text: str = case.get("text") or case["same"]
    return mask_text(text) if case["through"] == "text" else mask_description(text)


@pytest.mark.parametrize("case", CASES)
def test_a_case(case: dict[str, Any]) -> None:
    found = masked(case)
    assert [secret for secret in case.get("secret", ()) if secret in found] == [], found
    assert [part for part in case.get("keep", ()) if part not in found] == [], found
    if "same" in case:
        assert found == case["same"]


@pytest.mark.parametrize("case", CASES)
def test_what_is_masked_is_not_masked_again(case: dict[str, Any]) -> None:
    if "object" not in case:
        once = masked(case)
        again = mask_text(once) if case["through"] == "text" else mask_description(once)
        assert again == once


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("length", [32, 36, 43, 44, 64, 88, 200])
@pytest.mark.parametrize("around", ["{}", "value {} end", "key:{}", "x={};", '"{}"', "({})", "{}.", "/{}"])
def test_random_strings_leak_in_less_than_one_of_a_hundred(
    encode: Callable[[bytes], bytes], length: int, around: str
) -> None:
    chance = random.Random(length)
    words = [encode(chance.randbytes(length))[:length].decode() for _ in range(1000)]
    assert sum(word in mask_text(around.format(word)) for word in words) < 10


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "a",
            "-",
            "=",
            " ",
            "\n",
            '"',
            "\\",
            "@",
            ":",
            "<",
            "Ab1",
            "0123456789abcdef",
            "00 1f ",
            "token-",
            "a.",
            "a:",
        ),
        *("a:b@", "a://", "<a>", "<password>", "password=", "password: ", "password: x\n", "-p x ", "--password x "),
        *(
            "bearer ",
            '\\"password\\":\\"x',
            "mysql ",
            "mysql -p",
            "sk-",
            "eyJ",
            "eyJaaaaaaaa.",
            "\x1b[",
            "password: |\n",
        ),
        *(
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----END RSA PRIVATE KEY-----",
            "    Environment:\n",
            "exec [",
            "Value: ",
        ),
        *("      A:  x\n", "Authorization: ", "a/b@//", "'", "x509: ", "  ", "\t", "secret.", "_KEY", "A_KEY="),
    ],
)
@pytest.mark.parametrize("mask", [mask_text, mask_description])
def test_time_grows_with_the_text_and_not_faster(mask: Callable[[str], str], piece: str) -> None:
    def seconds(size: int) -> float:
        text = (piece * (size // len(piece) + 1))[:size]
        best = 60.0
        for _ in range(2):
            began = time.process_time()
            mask(text)
            best = min(best, time.process_time() - began)
        return best

    whole, quarter = seconds(SIZE), seconds(SIZE // 4)
    assert whole < max(10 * quarter, 0.25), f"{quarter:.4f} s for a quarter, {whole:.4f} s for all"


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    text = "started " * 100 + "password=s3cr3tpw " + "x" * 10_000_000
    began = time.process_time()
    found = mask_beginning(text, 1024)
    assert time.process_time() - began < 0.25
    assert found.startswith("started started")
    assert "s3cr3tpw" not in found


@pytest.mark.parametrize("offset", range(0, 60, 7))
def test_no_half_of_a_secret_is_left_where_a_text_was_cut(offset: int) -> None:
    secret = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
    text = "x" * (2048 - offset) + f" {secret} " + "word " * 2000
    assert "ghp_abc" not in mask_beginning(text, 1024)
