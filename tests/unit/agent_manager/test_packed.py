"""A packed message is taken as its lines are, one by one: the fast way for all of them gives the same bytes, and the same refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherius.agent_manager.intake import packed as fast
from aetherius.agent_manager.intake.admission import Window, admit
from aetherius.domain.report_state import envelope_of
from aetherius.domain.wire import headers
from aetherius.domain.wire.event import MAX_EVENT_BYTES, EventMessage, Labels, RawData, Severity
from aetherius.domain.wire.identity import observation_id

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
WINDOW = Window.around(NOW, age=86400, ahead=300)
SUBJECT = "aetherius.agent.c1.event"


def an_event(at: datetime = NOW, **changes: Any) -> bytes:
    event = EventMessage(
        id=observation_id("c1", at, "x"),
        cluster_id="c1",
        timestamp=at,
        source="kubelet",
        severity=Severity.HIGH,
        reason="BackOff",
        message="back-off",
        namespace="shop",
        labels=Labels(kind="Pod", name="shop-1"),
        agent_id="a1",
        epoch=1,
        sequence=1,
    )
    return msgspec.json.encode(msgspec.structs.replace(event, **changes))


def respelled(**changes: Any) -> bytes:
    """The same event by another encoder: white space, other order, fields that nobody knows."""
    return json.dumps({**json.loads(an_event()), **changes}).encode()


LINES = {
    "plain": an_event(),
    "numbers": an_event(epoch=2**31 - 1, sequence=2**53, raw_data=RawData(count=-3, exit_code=137, restart_count=0)),
    "epoch too large": an_event(epoch=2**31),
    "sequence too large": an_event(sequence=2**53 + 1),
    "count too large": an_event(raw_data=RawData(count=2**40)),
    "exit code too small": an_event(raw_data=RawData(exit_code=-(2**40))),
    "other cluster": an_event(cluster_id="c2"),
    "no UUID": an_event(id="5"),
    "a UUID in braces": an_event(id="{" + observation_id("c1", NOW, "x") + "}"),
    "a UUID without hyphens": an_event(id=observation_id("c1", NOW, "x").replace("-", "")),
    "another time in the id": an_event(id=observation_id("c1", NOW + timedelta(seconds=1), "x")),
    "too old": an_event(NOW - timedelta(days=2)),
    "from the future": an_event(NOW + timedelta(hours=1)),
    "NUL": an_event(message="a\0b"),
    "looks like NUL": an_event(message="\\u0000"),
    "a carriage return": an_event() + b"\r",
    "another time zone": respelled(timestamp="2026-05-01T14:00:00+02:00"),
    "no time zone": respelled(timestamp="2026-05-01T12:00:00"),
    "respelled": respelled(namespace="", raw_data={}, unknown={"timestamp": "x"}),
    "twice the same key": an_event()[:-1] + b',"timestamp":"2026-05-01T11:00:00Z","cluster_id":"c2"}',
    "looks like the time": an_event(source='x","timestamp":"2020-01-01T00:00:00Z'),
    "too large": an_event(message="é" * 16_000, uid="x" * 60_000),
    "no JSON": b"{",
    "empty": b"",
}


def one_by_one(lines: list[bytes]) -> tuple[list[Any], list[tuple[int, bytes, str]]]:
    stored, refused = [], []
    for number, line in enumerate(lines, start=1):
        admitted = admit(SUBJECT, {}, line, WINDOW)
        stored += admitted.stored
        refused += [(number, each.line, each.reason) for each in admitted.refused]
    return stored, refused


def together(lines: list[bytes]) -> tuple[list[Any], list[tuple[int, bytes, str]]]:
    admitted = admit(SUBJECT, {headers.BATCH: str(len(lines))}, b"\n".join(lines) + b"\n", WINDOW)
    return admitted.stored, [(each.number, each.line, each.reason) for each in admitted.refused]


@pytest.mark.parametrize("name", [name for name in LINES if name != "a carriage return"])
def test_in_company_a_line_is_taken_as_it_is_alone(name: str) -> None:
    for lines in ([LINES["plain"], LINES[name]], [LINES[name], LINES["plain"], LINES["numbers"]]):
        assert together(lines) == one_by_one(lines)


def test_what_agents_send_goes_the_fast_way() -> None:
    lines = [LINES["plain"], LINES["numbers"]]
    envelope = envelope_of("c1", None)
    stored = fast.packed(b"\n".join(lines), lines, "c1", *WINDOW.bounds, envelope)
    assert stored == one_by_one(lines)[0]


def test_nothing_before_the_archives_edge_goes_the_fast_way() -> None:
    edge = Window.around(NOW, age=86400, ahead=300, archive_edge=NOW + timedelta(seconds=1))
    lines = [LINES["plain"]] * 2
    assert fast.packed(b"\n".join(lines), lines, "c1", *edge.bounds, envelope_of("c1", None)) is None


@given(
    st.lists(
        st.fixed_dictionaries(
            {"message": st.text(max_size=30), "node": st.text(max_size=8), "uid": st.text(max_size=8)},
            optional={
                "raw_data": st.builds(RawData, count=st.integers(-(2**33), 2**33), container=st.text(max_size=5))
            },
        ),
        min_size=2,
        max_size=5,
    ),
    st.integers(-90_000, 400),
)
def test_any_texts_are_stored_alike(changes: list[dict[str, Any]], seconds: int) -> None:
    at = NOW + timedelta(seconds=seconds, microseconds=123456)
    lines = [
        an_event(at, labels=Labels(kind="Pod", name="n", node=each.pop("node")), **each) for each in map(dict, changes)
    ]
    assert together(lines) == one_by_one(lines)


def test_the_largest_event_is_taken() -> None:
    room = MAX_EVENT_BYTES - len(an_event(message=""))
    fits = an_event(message="x" * min(room, 16_384))
    assert together([fits, fits]) == one_by_one([fits, fits])
