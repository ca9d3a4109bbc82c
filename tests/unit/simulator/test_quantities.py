"""Quantities are exact, and what is none is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from aetherius.simulator.quantities import integer_or_percent, quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [("64Mi", 64 * 2**20), ("1G", 10**9), ("250m", Decimal("0.25")), ("2", 2), (3, 3), ("1.5Gi", 3 * 2**29)],
)
def test_units_are_understood(text: object, number: Decimal) -> None:
    assert quantity(text) == number


@pytest.mark.parametrize("text", ["64MB", "", "Mi", "1 Gi", None])
def test_what_is_no_quantity_is_refused(text: object) -> None:
    with pytest.raises(ValueError):
        quantity(text)


def test_percentages_round_as_asked() -> None:
    assert integer_or_percent("25%", 3, round_up=True) == 1
    assert integer_or_percent("25%", 3, round_up=False) == 0
    assert integer_or_percent(2, 3, round_up=False) == 2
