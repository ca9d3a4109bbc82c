"""Media types are read in any case, with parameters, in the order of preference that the client gives."""

from __future__ import annotations

import pytest

from aetherius.access.media_types import accepted, content_type
from aetherius.graphql.replies import GRAPHQL, JSON, media_type, wants_events


@pytest.mark.parametrize(
    ("header", "read"),
    [
        ("application/json", ("application/json", "")),
        ("Application/JSON; Charset=UTF-8", ("application/json", "utf-8")),
        (' application/json ;charset="utf-8"', ("application/json", "utf-8")),
        ("", ("", "")),
        ("nonsense", ("text/plain", "")),
    ],
)
def test_a_content_type_is_read(header: str, read: tuple[str, str]) -> None:
    assert content_type(header) == read


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (b"", JSON),
        (b"*/*", JSON),
        (b"application/json", JSON),
        (b"application/graphql-response+json", GRAPHQL),
        (b"Application/GraphQL-Response+JSON; charset=utf-8", GRAPHQL),
        (b"application/graphql-response+json, application/json;q=0.9", GRAPHQL),
        (b"application/json, application/graphql-response+json", GRAPHQL),
        (b"application/json, application/graphql-response+json;q=0.5", JSON),
        (b"application/graphql-response+json;q=0, */*", JSON),
        (b"\xff;;q=,", JSON),
    ],
)
def test_answers_have_the_type_that_is_wanted(header: bytes, kind: bytes) -> None:
    assert media_type(header) is kind


def test_events_are_sent_to_who_wants_them() -> None:
    assert wants_events(b"Text/Event-Stream; charset=utf-8, */*")
    assert not wants_events(b"text/event-stream;q=0")
    assert accepted("a/b;q=x, c/d;q=7") == {"c/d": 1.0}
