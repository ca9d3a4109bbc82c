"""The message that a command becomes on its way to the agent: pure, so that a repeat is the same bytes."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Final

import msgspec

from aetherius.domain.command import Issued
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.event import Recorded
from aetherius.domain.identity import stable_id
from aetherius.domain.wire import headers, subjects
from aetherius.domain.wire.command import CommandMessage
from aetherius.runtime.envelope import MANAGER_SOURCE, envelope
from aetherius.runtime.signing_key import SigningKey

CANCEL: Final = "cancel"
_MAX_ORDER: Final = 256 * 1024
"""Bytes; no sensible command is larger."""


class Order(msgspec.Struct, frozen=True):
    """A message ready to be sent."""

    subject: str
    payload: bytes
    headers: dict[str, str]
    expires_at: datetime


def order_of(recorded: Recorded, key: SigningKey) -> Order:
    """The order of a `Command.Issued`, signed.

    Raises:
        InvalidMessageError: the command cannot be said on the wire.
    """
    issued = recorded.event
    assert isinstance(issued, Issued)
    return _signed(message_of(issued, recorded), recorded, key)


def cancellation(issued: Recorded, cancelled: Recorded, key: SigningKey, within: float) -> Order:
    """The order that calls a command back: the same id, the action `cancel`, of use for `within` seconds.

    Raises:
        InvalidMessageError: the command cannot be said on the wire, so it was never sent.
    """
    assert isinstance(issued.event, Issued)
    message = msgspec.structs.replace(
        message_of(issued.event, issued),
        action=CANCEL,
        args=[],
        parameters={},
        expires_at=cancelled.occurred_at + timedelta(seconds=within),
        nonce=stable_id("nonce", issued.stream_id, CANCEL).hex,
    )
    return _signed(message, cancelled, key, suffix=f".{CANCEL}")


def message_of(issued: Issued, recorded: Recorded) -> CommandMessage:
    """The command in the words of the wire.

    Raises:
        InvalidMessageError: the command cannot be said on the wire.
    """
    try:
        return CommandMessage(
            id=str(recorded.stream_id),
            cluster_id=subjects.checked_cluster_id(issued.cluster_id),
            type=issued.type,
            tool=issued.tool,
            action=issued.action,
            args=issued.args,
            namespace=issued.namespace,
            timeout=issued.timeout,
            issued_by=issued.issued_by,
            correlation_id=str(recorded.cause.correlation_id or recorded.stream_id),
            parameters=issued.parameters,
            node=issued.node,
            expires_at=issued.expires_at,
            nonce=stable_id("nonce", recorded.stream_id).hex,
        )
    except ValueError as exc:
        raise InvalidMessageError("command", str(exc)) from exc


def _signed(message: CommandMessage, recorded: Recorded, key: SigningKey, suffix: str = "") -> Order:
    subject = subjects.command(message.cluster_id)
    payload = msgspec.json.encode(message)
    if len(payload) > _MAX_ORDER:
        raise InvalidMessageError("command", f"{len(payload)} bytes, more than {_MAX_ORDER}")
    signature = key.sign(headers.signed_bytes(subject, payload))
    return Order(
        subject,
        payload,
        {
            **envelope(
                message.id + suffix, "command", MANAGER_SOURCE, recorded.occurred_at, recorded.cause.traceparent
            ),
            headers.KEY_ID: key.public.key_id,
            headers.SIGNATURE: base64.b64encode(signature).decode(),
        },
        message.expires_at,
    )
