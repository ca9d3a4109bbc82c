"""What can be told of an event that this version cannot read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aetherius.domain.event import Unreadable, unreadable


def stands_for(state: bytes) -> Unreadable:
    return unreadable("Incident.Teleported.v9", state, "not known")[0]


def test_the_envelope_is_read_as_far_as_it_goes() -> None:
    event, at, cause = unreadable(
        "A.B.v2", b'{"at":"2026-11-23T12:00:00Z","by":"user:ann","data":{"x":1}}', "not known"
    )
    assert (event.topic, event.type_name, event.state) == ("A.B.v2", "A.B", '{"x":1}')
    assert (at, cause.actor) == (datetime(2026, 11, 23, 12, tzinfo=UTC), "user:ann")
    assert str(event.error) == "this version cannot read A.B.v2: not known"


@pytest.mark.parametrize("state", [b"", b"\xff", b"[]", b'{"by":3}', b"{"])
def test_without_an_envelope_all_bytes_are_what_it_says(state: bytes) -> None:
    event, at, cause = unreadable("A.B.v2", state, "damaged")
    assert event.state == state.decode(errors="replace")
    assert (at.timestamp(), cause.actor) == (0, "system:unknown")


@pytest.mark.parametrize(
    ("data", "cluster"),
    [
        (b'{"cluster_id":"oslo"}', "oslo"),
        (b'{"target":{"cluster_id":"oslo"}}', "oslo"),
        (b'{"cluster_id":7}', None),
        (b'{"target":null}', None),
        (b'"sealed"', None),
    ],
)
def test_the_cluster_that_it_names_is_found_where_events_name_it(data: bytes, cluster: str | None) -> None:
    event = stands_for(b'{"at":"2026-11-23T12:00:00Z","by":"user:ann","data":' + data + b"}")
    assert event.cluster_id == cluster
