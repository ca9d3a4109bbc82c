"""What an event changed, leaf by leaf."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherius.domain.event import Recorded, all_topics, event_type
from aetherius.graphql.time_travel import diff, states
from event_samples import AT, CAUSE, ID, sample

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


@pytest.mark.parametrize("topic", all_topics())
def test_every_event_of_any_kind_of_stream_shows_a_state_before_and_after_it(topic: str) -> None:
    kind = topic.partition(".")[0]
    first = [other for other in all_topics() if other.partition(".")[0] == kind and FIRST.get(kind, topic) == other]
    history = [_recorded(version, each) for version, each in enumerate([*first, topic], 1)]
    shown = list(states(history))
    assert [recorded.version for recorded, _, _ in shown] == [1, 2][: len(history)]
    assert shown[0][1] == {}
    assert all(after for _, _, after in shown)
    assert shown[-1][1] == (shown[-2][2] if len(shown) > 1 else {})
    assert diff(*shown[0][1:])


FIRST = {kind: f"{kind}.{name}.v1" for kind, name in {
    "Agent": "Registered", "Analysis": "Requested", "Cluster": "Registered", "Command": "Issued", "Incident": "Opened",
    "Remediation": "Proposed", "Workflow": "Started",
}.items()}  # fmt: skip


def _recorded(version: int, topic: str) -> Recorded:
    event = sample(event_type(topic))
    return Recorded(position=version, stream_id=ID, version=version, event=event, occurred_at=AT, cause=CAUSE)
