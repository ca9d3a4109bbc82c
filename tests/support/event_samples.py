"""A sample of every event, every field filled in, the same at each call: what golden files are made from.

Run as a program it writes the golden files that are missing. It never overwrites one: what was stored once must load for ever.
"""

from __future__ import annotations

import enum
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from msgspec import inspect

from aetherius.domain import vocabulary
from aetherius.domain.event import Cause, Event, all_topics, encode, event_type

GOLDEN = Path(__file__).parents[1] / "golden" / "events"
AT = datetime(2026, 11, 24, 3, 0, 0, 123456, tzinfo=UTC)
ID = UUID("0192f0c1-2a3b-7c4d-8e5f-0123456789ab")
CAUSE = Cause(
    actor="user:ada",
    correlation_id=ID,
    causation_id=ID,
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)
assert vocabulary.MODULES, "importing it makes every topic known"


def sample(cls: type[Event]) -> Event:
    """An event of a type, every field filled in."""
    return msgspec.convert(_value(inspect.type_info(cls)), cls)


def shape(cls: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event's fields, without its prose."""
    without: dict[str, Any] = _without_prose(msgspec.json.schema(cls))
    return without


def golden(topic: str) -> dict[str, Any]:
    """What a golden file says of a topic: its shape, and the stored bytes of a sample as JSON."""
    cls = event_type(topic)
    return {"topic": topic, "shape": shape(cls), "stored": json.loads(encode(sample(cls), AT, CAUSE))}


def _value(kind: inspect.Type) -> Any:
    match kind:
        case inspect.Metadata():
            examples = (kind.extra_json_schema or {}).get("examples")
            return examples[0] if examples else _value(kind.type)
        case inspect.StructType():
            return {"type": kind.tag} | _fields(kind) if kind.tag else _fields(kind)
        case inspect.UnionType():
            return _value(next(each for each in kind.types if not isinstance(each, inspect.NoneType)))
        case inspect.EnumType():
            member: enum.Enum = next(iter(kind.cls))
            return member.value
        case inspect.ListType():
            return [_value(kind.item_type)]
        case inspect.DictType():
            return {"key": _value(kind.value_type)}
        case inspect.DateTimeType():
            return AT
        case inspect.UUIDType():
            return ID
        case _:
            return _scalar(kind)


def _fields(kind: inspect.StructType) -> dict[str, Any]:
    return {field.encode_name: _value(field.type) for field in kind.fields}


def _scalar(kind: inspect.Type) -> Any:
    match kind:
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return kind.ge or 1
        case inspect.FloatType():
            return 0.5
        case inspect.LiteralType():
            return kind.values[0]
        case _:
            return "text"


def _without_prose(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            k: _without_prose(v)
            for k, v in value.items()
            if k not in ("description", "title", "examples") or isinstance(v, dict)
        }
    return [_without_prose(each) for each in value] if isinstance(value, list) else value


def write_missing() -> list[str]:
    """Write the golden files that are not there; their topics."""
    missing = [topic for topic in all_topics() if not (GOLDEN / f"{topic}.json").exists()]
    for topic in missing:
        (GOLDEN / f"{topic}.json").write_text(json.dumps(golden(topic), indent=1) + "\n")
    return missing


if __name__ == "__main__":
    sys.stdout.write("\n".join(write_missing()) + "\n")
