"""What an event changed, leaf by leaf."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aetherius.graphql.time_travel import diff

values = st.recursive(
    st.none() | st.integers(0, 3) | st.text("ab", max_size=1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


def test_a_diff_names_leaves_by_their_path() -> None:
    before = {"status": "open", "steps": [{"id": "a", "n": 1}], "gone": 1}
    after = {"status": "diagnosed", "steps": [{"id": "a", "n": 2}, {"id": "b"}], "new": True}
    assert diff(before, after) == [
        ("status", "open", "diagnosed"),
        ("steps.0.n", 1, 2),
        ("steps.1", None, {"id": "b"}),
        ("gone", 1, None),
        ("new", None, True),
    ]


@given(values)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert diff(value, value) == []


@given(values, values)
def test_what_differs_is_told_and_turning_it_round_turns_the_diff_round(before: Any, after: Any) -> None:
    changes = diff(before, after)
    if before != after:
        assert all(old != new for _, old, new in changes)
    assert sorted((p, repr(old), repr(new)) for p, new, old in diff(after, before)) == sorted(
        (p, repr(old), repr(new)) for p, old, new in changes
    )
