"""What no value from outside may be, and that everything else comes through unchanged."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherius.access.errors import InvalidArgumentError
from aetherius.access.json_door import MAX_DEPTH, check_value, decode_json, is_suspect

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(VALUES)
def test_what_can_be_stored_comes_through(value: object) -> None:
    assert decode_json(json.dumps(value).encode()) == value
    assert decode_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("raw", "field", "rule"),
    [
        (rb'{"a": {"b": ["x", "\ud800"]}}', "a.b.1", "surrogate"),
        (rb'{"a": {"b": ["x", "y\u0000"]}}', "a.b.1", "NUL"),
        (rb'{"a\u0000": 1}', "(a name)", "NUL"),
        (b'{"a": "\xff"}', "body", "UTF-8"),
        (b'"\xed\xa0\x80"', "body", "UTF-8"),
        (b'{"a": 99999999999999999999}', "a", "64 bits"),
        (b"1" * 5000, "body", ""),
        (b'{"a": 1e999}', "a", "64 bits"),
        (b"[" * 33 + b"]" * 33, "0", "deeper"),
        (b"[" * 100_000 + b"]" * 100_000, "body", "deeper"),
        (b"[" + b"0," * 10_000 + b"0]", "body", "values"),
        (b"NaN", "body", ""),
        (b"", "body", "JSON"),
        (b"\xef\xbb\xbf{}", "body", "JSON"),
    ],
    ids=lambda each: str(each)[:30],
)
def test_what_cannot_is_refused_by_field_and_rule(raw: bytes, field: str, rule: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        decode_json(raw)
    assert refused.value.field.startswith(field)
    assert rule in refused.value.rule


@given(VALUES)
def test_values_that_are_not_looked_at_one_by_one_break_no_rule(value: object) -> None:
    raw = json.dumps(value).encode()
    if not is_suspect(raw):
        check_value(value)


def test_as_deep_as_is_allowed_is_allowed() -> None:
    assert decode_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
