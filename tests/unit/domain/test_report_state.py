"""The short way to a report's stored bytes gives what the long way gives."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from aetherius.domain.cluster_event import Reported, reported
from aetherius.domain.event import Cause, decode, encode
from aetherius.domain.report_state import envelope_of, state_of
from aetherius.domain.wire.event import EventMessage, Labels, RawData, Severity

TEXT = st.text(max_size=40) | st.sampled_from(['"', '","timestamp":"', ',"timestamp":"2026', "\\", "}", '"}'])
TIME = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
NUMBER = st.integers(-(2**31) + 1, 2**31 - 1)
MESSAGES = st.builds(
    EventMessage,
    id=st.uuids().map(str),
    cluster_id=TEXT,
    timestamp=TIME,
    type=st.just("k8s_event") | TEXT,
    source=TEXT,
    severity=st.sampled_from(Severity),
    reason=TEXT,
    message=TEXT,
    namespace=TEXT,
    labels=st.builds(Labels, kind=TEXT, name=TEXT, node=TEXT),
    raw_data=st.just(RawData()) | st.builds(RawData, count=NUMBER, first_timestamp=st.none() | TIME, image=TEXT),
    agent_id=TEXT,
    epoch=st.integers(1, 9),
    sequence=st.integers(1, 2**53),
    uid=TEXT,
    resource_version=TEXT,
)
TRACES = st.none() | st.just("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


@given(MESSAGES, TRACES)
def test_cut_from_the_message_it_reads_as_if_it_had_been_made_from_the_event(
    message: EventMessage, trace: str | None
) -> None:
    _, event, at = reported(message)
    cause = Cause(actor=f"agent:{message.cluster_id}", traceparent=trace)
    cut = state_of(message, envelope_of(message.cluster_id, trace))
    assert decode(Reported.topic, cut) == decode(Reported.topic, encode(event, at, cause))


def test_it_is_the_same_bytes() -> None:
    message = EventMessage(
        id="018f3a5e-0000-7000-8000-000000000000",
        cluster_id="c1",
        timestamp=datetime(2026, 5, 1, tzinfo=UTC),
        source="kubelet",
        severity=Severity.HIGH,
        reason="BackOff",
        message="back-off",
        labels=Labels(kind="Pod", name="web-1"),
        raw_data=RawData(count=3),
        agent_id="a1",
        epoch=1,
        sequence=1,
    )
    _, event, at = reported(message)
    assert state_of(message, envelope_of("c1", None)) == encode(event, at, Cause(actor="agent:c1"))
