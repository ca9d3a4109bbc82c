"""The AsyncAPI 3 document of everything that crosses NATS, made from the message structs: `docs/asyncapi.json` is this, and a test compares."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.agent import HeartbeatMessage, RegisterMessage, RegisterReply
from aetherius.domain.wire.analysis import AnalysisRequest, AnalysisResponse
from aetherius.domain.wire.command import CommandMessage, ResultMessage
from aetherius.domain.wire.critical_event import CriticalEventMessage
from aetherius.domain.wire.event import EventMessage
from aetherius.domain.wire.metrics import MetricsMessage

_COMMON: Final = (
    headers.MESSAGE_ID,
    headers.TRACEPARENT,
    headers.CE_ID,
    headers.CE_TYPE,
    headers.CE_SOURCE,
    headers.CE_TIME,
)


class Channel(NamedTuple):
    """One subject: who sends what to whom, and which headers it has beside the common ones."""

    name: str
    subject: str
    message: type[msgspec.Struct]
    about: str
    headers: tuple[str, ...] = ()
    reply: type[msgspec.Struct] | None = None


CHANNELS: Final = (
    Channel(
        "register", subjects.AGENT_REGISTRATIONS, RegisterMessage, "agent to manager", (headers.REPLY,), RegisterReply
    ),
    Channel("heartbeat", subjects.AGENT_HEARTBEATS, HeartbeatMessage, "agent to manager, core NATS"),
    Channel(
        "event", subjects.AGENT_EVENTS, EventMessage, "agent to manager; one object, or JSON lines", (headers.BATCH,)
    ),
    Channel("metrics", subjects.AGENT_METRICS, MetricsMessage, "agent to manager"),
    Channel(
        "command", subjects.AGENT_COMMANDS, CommandMessage, "manager to agent", (headers.KEY_ID, headers.SIGNATURE)
    ),
    Channel("result", subjects.AGENT_RESULTS, ResultMessage, "agent to manager"),
    Channel("critical_event", subjects.CRITICAL_EVENT, CriticalEventMessage, "manager to whoever listens"),
    Channel("command_result", subjects.COMMAND_RESULT, ResultMessage, "manager to whoever listens"),
    Channel(
        "reasoning", subjects.REASONING_REQUEST, AnalysisRequest, "orchestrator to inference", (), AnalysisResponse
    ),
)


def document() -> dict[str, Any]:
    """The document, as JSON values."""
    structs = {channel.message for channel in CHANNELS} | {c.reply for c in CHANNELS if c.reply}
    ordered = sorted(structs, key=lambda struct: struct.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Aetherius on NATS", "version": "1"},
        "defaultContentType": "application/json",
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "components": {
            "messages": {struct.__name__: {"payload": _schema(struct)} for struct in ordered},
            "schemas": schemas,
        },
    }


def _channel(channel: Channel) -> dict[str, Any]:
    address = channel.subject.replace("*", "{cluster_id}")
    described: dict[str, Any] = {
        "address": address,
        "description": channel.about,
        "messages": {"message": _message(channel)},
    }
    if "{cluster_id}" in address:
        described["parameters"] = {"cluster_id": {"description": "a DNS label"}}
    if channel.reply:
        described["messages"]["reply"] = {"$ref": f"#/components/messages/{channel.reply.__name__}"}
    return described


def _message(channel: Channel) -> dict[str, Any]:
    names = (*_COMMON, *channel.headers)
    return {
        "headers": {"type": "object", "properties": {name: {"type": "string"} for name in names}},
        "payload": _schema(channel.message),
    }


def _schema(struct: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{struct.__name__}"}
