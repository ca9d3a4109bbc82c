"""What was stored once loads for ever, and no event changes its shape under the same version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aetherius.domain.errors import UnknownEventError
from aetherius.domain.event import all_topics, decode, event_type
from event_samples import AT, CAUSE, GOLDEN, sample, shape

FILES = sorted(GOLDEN.glob("*.json"))


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_old_golden_event_still_loads(path: Path) -> None:
    golden = read(path)
    event, at, cause = decode(golden["topic"], json.dumps(golden["stored"]).encode())
    assert (at, cause) == (AT, CAUSE)
    assert event.type_name == golden["topic"].rpartition(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_event_keeps_its_shape_as_long_as_its_version(path: Path) -> None:
    golden = read(path)
    try:
        current = event_type(golden["topic"])
    except UnknownEventError:
        pytest.fail(f"{golden['topic']} has neither a type nor an upcaster")
    if current.topic == golden["topic"]:
        assert compatible(with_sets_in_place(golden["shape"]), with_sets_in_place(shape(current))), (
            f"{golden['topic']} changed its shape: make it a new version, with an upcaster from this one"
        )


def test_every_event_has_its_golden_file() -> None:
    assert {path.stem for path in FILES} == set(all_topics()), "write it: make golden"


@pytest.mark.parametrize("topic", all_topics())
def test_a_sample_is_read_back_as_it_was(topic: str) -> None:
    golden = read(GOLDEN / f"{topic}.json")
    event, _, _ = decode(topic, json.dumps(golden["stored"]).encode())
    if type(event).topic == topic:
        assert event == sample(type(event))


def test_a_changed_shape_is_seen() -> None:
    old = shape(event_type("Incident.Opened.v1"))
    fields = old["$defs"]["Opened"]["properties"]
    without = {
        **old,
        "$defs": {**old["$defs"], "Opened": {**old["$defs"]["Opened"], "properties": dict(list(fields.items())[1:])}},
    }
    renamed = json.loads(json.dumps(old).replace('"onset"', '"begin"'))
    assert not compatible(old, without)
    assert not compatible(old, renamed)
    assert compatible(old, old)


def test_a_closed_set_of_words_may_be_opened_but_not_closed() -> None:
    closed = {"$ref": "#/$defs/W", "$defs": {"W": {"enum": ["a", "b"]}}}
    assert compatible(with_sets_in_place(closed), with_sets_in_place({"type": "string", "$defs": {}}))
    assert not compatible({"type": "string"}, with_sets_in_place({"enum": ["a"]}))
    assert not compatible({"enum": ["a", 1]}, {"type": "string"})


def with_sets_in_place(shape: dict[str, Any]) -> dict[str, Any]:
    """A shape in which each set of allowed values stands where it is used, not among the definitions."""
    sets = {f"#/$defs/{name}": each for name, each in shape.get("$defs", {}).items() if "enum" in each}

    def put(value: Any) -> Any:
        if isinstance(value, list):
            return [put(each) for each in value]
        if not isinstance(value, dict):
            return value
        if value.get("$ref") in sets:
            return {**{k: v for k, v in value.items() if k != "$ref"}, **sets[value["$ref"]]}
        return {k: put(v) for k, v in value.items() if f"#/$defs/{k}" not in sets}

    placed: dict[str, Any] = put(shape)
    return placed


def compatible(old: Any, new: Any, key: str = "") -> bool:
    """Whether new code reads what the old shape stored: the same, but sets of allowed values and kinds of steps may have grown, or been opened to any text."""
    if isinstance(old, dict) and isinstance(new, dict) and "enum" in old and new.get("type") == "string":
        return all(isinstance(each, str) for each in old["enum"])
    if key in ("enum", "anyOf") and isinstance(old, list) and isinstance(new, list):
        return all(any(compatible(each, other) for other in new) for each in old)
    if isinstance(old, dict) and isinstance(new, dict):
        grown = key in ("$defs", "mapping")
        same_names = old.keys() <= new.keys() if grown else old.keys() == new.keys()
        return same_names and all(compatible(value, new[name], name) for name, value in old.items())
    return bool(old == new)
