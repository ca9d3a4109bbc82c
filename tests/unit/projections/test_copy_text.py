"""Rows as COPY reads them: whatever a text holds, its field begins and ends where it should."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from aetherius.domain.wire.event import Severity
from aetherius.projections.copy_text import chunks, document, fields

_MEANING = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


def read(field: str) -> str | None:
    """As PostgreSQL reads a field."""
    if field == "\\N":
        return None
    text, at = [], 0
    while at < len(field):
        pair = field[at : at + 2]
        text.append(_MEANING.get(pair, field[at]))
        at += 2 if pair in _MEANING else 1
    return "".join(text)


@given(
    st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\\\t\n\r\0N")), min_size=1)
)
def test_any_texts_come_back_as_they_were_but_for_nul(values: list[str | None]) -> None:
    row = fields(values)
    assert not {"\n", "\r", "\0"} & set(row)
    assert [read(field) for field in row.split("\t")] == [
        None if value is None else value.replace("\0", "\ufffd") for value in values
    ]


def test_other_values_are_written_as_postgresql_reads_them() -> None:
    at = datetime(2026, 11, 24, 3, 0, 0, 123456, tzinfo=UTC)
    row = fields([7, Severity.HIGH, at, UUID(int=1), True])
    assert row == "7\thigh\t2026-11-24T03:00:00.123456+00:00\t00000000000000000000000000000001\tTrue"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_document_comes_back_as_it_was(text: str) -> None:
    written = document(json.dumps({"text": text}, ensure_ascii=False).encode())
    found = read(written)
    assert found is not None
    assert json.loads(found) == {"text": text}


@given(st.lists(st.text("ab"), max_size=700))
def test_chunks_hold_every_line(lines: list[str]) -> None:
    assert b"".join(chunks(lines)).decode() == "".join(f"{line}\n" for line in lines)
