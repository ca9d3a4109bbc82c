"""The stream of dead letters, for a person who looks after them: to list, show, send again and drop."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError, NotFoundError

from aetherius.agent_manager.errors import LetterCutError, LetterNotFoundError
from aetherius.agent_manager.letters.dead_letter import DeadLetter, dead_letter
from aetherius.domain.wire.subjects import DEAD_LETTERS as PREFIX
from aetherius.domain.wire.subjects import checked_cluster_id, concerning
from aetherius.runtime.errors import BrokerUnavailableError
from aetherius.runtime.in_words import in_words
from aetherius.runtime.jetstream.streams import DEAD_LETTERS

_PAGE: Final = 500
_SIZE: Final = "Nats-Msg-Size"
"""The broker's header on a message that it gives without its bytes."""


class DeadLetterBox:
    """Every method may raise ``BrokerUnavailableError``: safe to repeat."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js

    async def letters(self, cluster: str = "", reason: str = "") -> AsyncGenerator[DeadLetter, None]:
        """Those that are there now, oldest first, without their bytes.

        Args:
            cluster: only of this one. Raises ``InvalidMessageError`` for a name that no cluster can have.
            reason: only those whose reason holds this, in any case.
        """
        subjects = (
            [f"{PREFIX}.{each}" for each in concerning(checked_cluster_id(cluster))] if cluster else [f"{PREFIX}.>"]
        )
        last = await self._last()
        async for letter in self._read(subjects):
            if letter.sequence > last:  # one that a replay brought back
                return
            if reason.lower() in letter.reason.lower():
                yield letter

    async def first(self, limit: int, cluster: str = "", reason: str = "") -> list[DeadLetter]:
        """At most so many of `letters`."""
        found: list[DeadLetter] = []
        async with aclosing(self.letters(cluster, reason)) as letters:
            async for letter in letters:
                found.append(letter)
                if len(found) == limit:
                    break
        return found

    async def letter(self, sequence: int) -> tuple[DeadLetter, bytes]:
        """One, with its bytes. Raises ``LetterNotFoundError``."""
        try:
            raw = await self._js.get_msg(DEAD_LETTERS, sequence)
        except NotFoundError as exc:
            raise LetterNotFoundError(sequence) from exc
        except (NatsError, TimeoutError) as exc:
            raise _unavailable(exc) from exc
        data = raw.data or b""
        at = raw.time or datetime.fromtimestamp(0, UTC)
        return dead_letter(raw.subject or "", raw.headers or {}, sequence, at, len(data)), data

    async def replay(self, sequence: int) -> DeadLetter:
        """Send the original bytes and headers again, where they came from; the letter goes when the broker has confirmed.

        After an error call again: the broker drops what it has already, and the log knows every event by its id.

        Raises:
            LetterNotFoundError: there is none.
            LetterCutError: it is not whole, and stays.
        """
        letter, data = await self.letter(sequence)
        if letter.cut_from is not None:
            raise LetterCutError(sequence, letter.cut_from)
        try:
            await self._js.publish(letter.subject, data, headers=letter.headers_to_send())
        except (NatsError, TimeoutError) as exc:
            raise _unavailable(exc) from exc
        await self.drop(sequence)
        return letter

    async def drop(self, sequence: int) -> None:
        """Remove one for good. Raises ``LetterNotFoundError``."""
        try:
            await self._js.delete_msg(DEAD_LETTERS, sequence)
        except APIError as exc:
            if exc.code == _NO_SERVICE:
                raise _unavailable(exc) from exc
            raise LetterNotFoundError(sequence) from exc
        except (NatsError, TimeoutError) as exc:
            raise _unavailable(exc) from exc

    async def _last(self) -> int:
        try:
            return (await self._js.stream_info(DEAD_LETTERS)).state.last_seq
        except (NatsError, TimeoutError) as exc:
            raise _unavailable(exc) from exc

    async def _read(self, subjects: list[str]) -> AsyncGenerator[DeadLetter, None]:
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.ALL,
            filter_subjects=subjects,
            headers_only=True,
            inactive_threshold=60.0,
            mem_storage=True,
        )
        try:
            subscription = await self._js.pull_subscribe("", stream=DEAD_LETTERS, config=config)
            try:
                left = (await subscription.consumer_info()).num_pending or 0
                while left > 0:
                    for message in await subscription.fetch(min(left, _PAGE), timeout=5):
                        left -= 1
                        yield _of(message)
            finally:
                await subscription.unsubscribe()
        except (NatsError, TimeoutError) as exc:
            raise _unavailable(exc) from exc


_NO_SERVICE: Final = 503


def _of(message: Msg) -> DeadLetter:
    given = dict(message.headers or {})
    size = int(given.pop(_SIZE, "0"))
    about = message.metadata
    return dead_letter(message.subject, given, about.sequence.stream, about.timestamp, size)


def _unavailable(exc: Exception) -> BrokerUnavailableError:
    return BrokerUnavailableError(f"NATS does not answer: {in_words(exc)}")
