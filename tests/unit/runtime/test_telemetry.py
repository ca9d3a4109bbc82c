"""Log lines and trace context."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from uuid import UUID

import pytest

from aetherius.runtime.telemetry import child_of, configure_logging, new_traceparent


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_a_json_line_carries_service_extra_and_exception(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("ingest", json=True)
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("room").exception("failed on %s", "x", extra={"left": 3, "id": UUID(int=1)})
    line = json.loads(capsys.readouterr().err)
    assert (line["service"], line["level"], line["message"], line["left"]) == ("ingest", "error", "failed on x", 3)
    assert line["id"] == str(UUID(int=1))
    assert line["exception"].endswith("ValueError: why\n")


def test_a_plain_line_carries_extra(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("ingest", json=False)
    logging.getLogger("room").warning("slow", extra={"left": 3})
    assert capsys.readouterr().err.endswith("WARNING ingest: slow left=3\n")


def test_a_child_keeps_the_trace_and_has_a_span_of_its_own() -> None:
    parent = new_traceparent()
    child = child_of(parent)
    assert child.split("-")[1] == parent.split("-")[1]
    assert child.split("-")[2] != parent.split("-")[2]


@pytest.mark.parametrize("broken", [None, "", "00-xyz", f"00-{'0' * 32}-{'1' * 16}-01", f"01-{'1' * 32}-{'1' * 16}-01"])
def test_a_broken_context_begins_a_new_trace(broken: str | None) -> None:
    assert child_of(broken).split("-")[1] not in {"0" * 32, "1" * 32}
