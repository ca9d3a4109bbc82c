"""Names of the headers that messages carry."""

from __future__ import annotations

from typing import Final

MESSAGE_ID: Final = "Nats-Msg-Id"
TRACEPARENT: Final = "traceparent"
CE_ID: Final = "ce-id"
CE_TYPE: Final = "ce-type"
CE_SOURCE: Final = "ce-source"
CE_TIME: Final = "ce-time"
BATCH: Final = "Aetherius-Batch"
"""How many events (JSON lines) an event message holds; absent for one bare event object."""
KEY_ID: Final = "Aetherius-Key-Id"
SIGNATURE: Final = "Aetherius-Signature"
"""Base64 Ed25519 signature over subject + newline + the exact payload bytes."""
REPLY: Final = "Aetherius-Reply"
"""Inbox subject on which a registering agent waits for its configuration."""
REASON: Final = "Aetherius-Reason"
"""On a dead letter: why it was refused."""
CUT: Final = "Aetherius-Cut-From"
"""On a dead letter that was cut to fit: how many bytes it had."""


def signed_bytes(subject: str, payload: bytes) -> bytes:
    """What the signature of a command is over."""
    return subject.encode() + b"\n" + payload
