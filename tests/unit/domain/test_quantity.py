"""Quantities of memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.quantity import format_memory, parse_memory


@given(st.integers(1, 2**50))
def test_what_is_written_is_read_back(size: int) -> None:
    assert parse_memory(format_memory(size)) == size


@pytest.mark.parametrize(
    ("quantity", "size"), [("64Mi", 64 * 2**20), ("1Gi", 2**30), ("128M", 128_000_000), ("1.5Ki", 1536), ("100", 100)]
)
def test_a_quantity_is_bytes(quantity: str, size: int) -> None:
    assert parse_memory(quantity) == size


@pytest.mark.parametrize("quantity", ["", "64MB", "-1Mi", "lots", "64 Mi"])
def test_what_is_no_quantity_is_refused_by_name(quantity: str) -> None:
    with pytest.raises(InvalidMessageError, match="quantity"):
        parse_memory(quantity)
