"""The rules for events that want into the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherius.agent_manager.fleet.registrations import is_own_inbox
from aetherius.agent_manager.intake.admission import Window, admit, batch_size, traceparent
from aetherius.agent_manager.orders.results import decode_result
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.event import decode
from aetherius.domain.wire import headers
from aetherius.domain.wire.event import EventMessage, Labels, RawData, Severity
from aetherius.domain.wire.identity import observation_id

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
WINDOW = Window.around(NOW, age=86400, ahead=300)
SUBJECT = "aetherius.agent.c1.event"


def an_event(**changes: Any) -> bytes:
    event = EventMessage(
        id=observation_id("c1", NOW, "x"),
        cluster_id="c1",
        timestamp=NOW,
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
    if "timestamp" in changes:
        changes.setdefault("id", observation_id("c1", changes["timestamp"], "x"))
    return msgspec.json.encode(msgspec.structs.replace(event, **changes))


def refusals(payload: bytes) -> list[str]:
    return [line.reason for line in admit(SUBJECT, {}, payload, WINDOW).refused]


def test_a_valid_event_keeps_its_fields() -> None:
    (stored,) = admit(SUBJECT, {}, an_event(), WINDOW).stored
    event, at, cause = decode(stored.topic, stored.state)
    assert (event.reason, event.severity, event.cluster_id) == ("BackOff", Severity.HIGH, "c1")  # type: ignore[attr-defined]
    assert (at, cause.actor, stored.originator_version) == (NOW, "agent:c1", 1)
    assert str(stored.originator_id) == observation_id("c1", NOW, "x")


@pytest.mark.parametrize("seconds", [-86400, 0, 300])
def test_the_window_includes_its_ends(seconds: int) -> None:
    assert refusals(an_event(timestamp=NOW + timedelta(seconds=seconds))) == []


@pytest.mark.parametrize("seconds", [-86401, 301])
def test_a_time_out_of_the_window_is_refused(seconds: int) -> None:
    assert "timestamp" in refusals(an_event(timestamp=NOW + timedelta(seconds=seconds)))[0]


def test_nothing_is_added_before_the_archives_edge() -> None:
    window = Window.around(NOW, age=86400, ahead=300, archive_edge=NOW)
    assert not admit(SUBJECT, {}, an_event(timestamp=NOW), window).refused
    (line,) = admit(SUBJECT, {}, an_event(timestamp=NOW - timedelta(microseconds=1)), window).refused
    assert "archive's edge" in line.reason


@given(st.integers(-86_400_000_000, 0))
def test_an_id_has_the_milliseconds_of_its_timestamp(microseconds: int) -> None:
    at = NOW + timedelta(microseconds=microseconds)
    assert refusals(an_event(timestamp=at)) == []
    for other in (at + timedelta(milliseconds=1), at - timedelta(milliseconds=1)):
        (reason,) = refusals(an_event(timestamp=at, id=observation_id("c1", other, "x")))
        assert "id" in reason
        assert "48 bits" in reason


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"cluster_id": "c2"}, "cluster_id"),
        ({"id": "5"}, "UUID"),
        ({"sequence": 2**53 + 1}, "sequence"),
        ({"epoch": 2**31}, "epoch"),
        ({"raw_data": RawData(count=2**40)}, "raw_data.count"),
        ({"raw_data": RawData(exit_code=-(2**40))}, "raw_data.exit_code"),
        ({"labels": Labels(kind="Pod", name="a\0b")}, "U+0000"),
    ],
)
def test_a_broken_rule_is_named(change: dict[str, Any], named: str) -> None:
    assert named in refusals(an_event(**change))[0]


def test_a_backslash_that_only_looks_like_nul_is_fine() -> None:
    assert refusals(an_event(message="\\u0000")) == []


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_refusal(payload: bytes) -> None:
    assert len(refusals(payload)) == 1


@given(st.text(max_size=12))
def test_a_batch_header_is_a_number_or_refused(text: str) -> None:
    try:
        size = batch_size({headers.BATCH: text})
    except InvalidMessageError:
        return
    assert size == int(text)


def test_a_malformed_trace_is_left_out() -> None:
    good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert traceparent({headers.TRACEPARENT: good}) == good
    assert traceparent({headers.TRACEPARENT: good + "x"}) is None
    assert traceparent({}) is None


@pytest.mark.parametrize(
    "inbox",
    ["", "_INBOX.c2.x", "_INBOX.c1", "_INBOX.c1.", "_INBOX.c1.>", "_INBOX.c1.*", "_INBOX.c1.a b", "_INBOX.c10.x", "x"],
)
def test_only_a_plain_subject_below_the_clusters_prefix_is_its_own_inbox(inbox: str) -> None:
    assert not is_own_inbox(inbox, "c1")
    assert is_own_inbox("_INBOX.c1.abc.1", "c1")


@given(st.binary(max_size=200))
def test_a_malformed_result_is_refused(payload: bytes) -> None:
    with pytest.raises(InvalidMessageError):
        decode_result(payload)
