"""Durable timers: messages that JetStream delivers later, in the stream WORK.

A timer is a hint: it may be late, and is lost with its stream; who sets one can also compute what is due from its own state. Setting a timer again under
the same id replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from nats.js import JetStreamContext

from aetherius.runtime.jetstream.streams import WORK


def _subject(timer_id: str) -> str:
    return f"work.timer.{timer_id}"


async def schedule(
    js: JetStreamContext,
    timer_id: str,
    at: datetime,
    target_subject: str,
    payload: bytes,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Have `payload` delivered on `target_subject` (below `work.`, not below `work.timer.`) at `at`, or at once if that is past.

    `timer_id` is one or more subject words. Raises nats.errors.Error when it was not confirmed: safe to repeat.
    """
    when = at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    schedule_headers = {"Nats-Schedule": f"@at {when}", "Nats-Schedule-Target": target_subject}
    await js.publish(_subject(timer_id), payload, headers={**(headers or {}), **schedule_headers})


async def cancel(js: JetStreamContext, timer_id: str) -> None:
    """Forget a timer; nothing happens if it is unknown or was delivered already."""
    await js.purge_stream(WORK, subject=_subject(timer_id))
