"""What a message is answered with, by how its handling ended: one policy for all that is consumed, so that none is lost and none comes for ever.

| its handling ended with                                     | answer                        | and then                              |
|-------------------------------------------------------------|-------------------------------|---------------------------------------|
| nothing wrong                                               | ack                           | it is gone                            |
| the world said no: InfrastructureError, NATS away, too late | nak, after `retry_delay`      | it comes again, for as long as needed |
| a race was lost (`races`)                                   | the same                      | the same                              |
| a rule said no: DomainError                                 | put aside, then term          | people look at it                     |
| a mistake of ours: anything else, below `attempts`          | nak, after 1, 2, 4 ... delays | it comes again: it may have been luck |
| the same, for the last time                                 | put aside, then term          | people look at it, and we go on       |
| we are stopping                                             | nak, at once                  | another replica has it                |
| it could not be put aside                                   | nak, after `retry_delay`      | it comes again                        |
| the answer did not reach the broker                         | none                          | it comes again, after `ack_wait`      |

Whoever handles messages must bear a repeat. Mistakes are counted in memory: another replica, or the next start, counts from one.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterable
from typing import Final, Protocol

from nats.aio.msg import Msg

from aetherius.domain.errors import DomainError
from aetherius.runtime.in_words import in_words
from aetherius.runtime.steady import UNAVAILABLE

logger = logging.getLogger(__name__)

RETRY_DELAY: Final = 2.0
"""Seconds: long enough for a server to come back, short enough not to be noticed."""
ATTEMPTS: Final = 5
"""With the delays, half a minute: a mistake that is still made then is made always."""
_REMEMBERED: Final = 1000
"""Messages whose mistakes are counted; of more the oldest begin anew."""


class Letters(Protocol):
    """Where a message goes that nobody can handle."""

    async def bury(self, message: Msg, reason: str) -> None:
        """Return once it is kept, or whoever waits for it is told. Safe to repeat.

        Raises:
            nats.errors.Error, TimeoutError, InfrastructureError: not confirmed: the message comes again.
        """


class Answering:
    """Answers for one consumer's messages."""

    def __init__(
        self,
        name: str,
        letters: Letters,
        *,
        retry_delay: float = RETRY_DELAY,
        attempts: int = ATTEMPTS,
        races: tuple[type[Exception], ...] = (),
    ) -> None:
        """
        Args:
            name: of the consumer, for the log.
            retry_delay: seconds until a message comes again.
            attempts: at a message that meets a mistake of ours.
            races: errors that mean that somebody else was first: the message is looked at again.
        """
        self._name = name
        self._letters = letters
        self._delay = retry_delay
        self._attempts = attempts
        self._races = races
        self._mistakes: dict[tuple[str, int], int] = {}

    async def done(self, message: Msg) -> None:
        """It was handled."""
        if self._mistakes:
            self._mistakes.pop(_place(message), None)
        await self._quietly(message.ack())

    async def failed(self, message: Msg, exc: BaseException) -> None:
        """Its handling raised this."""
        if isinstance(exc, (*UNAVAILABLE, *self._races)):
            logger.warning("%s: a message comes again: %s", self._name, in_words(exc))
            await self._again(message, self._delay)
        elif isinstance(exc, DomainError):
            await self._put_aside(message, in_words(exc))
        else:
            await self._note_mistake(message, exc)

    async def _note_mistake(self, message: Msg, exc: BaseException) -> None:
        place = _place(message)
        count = self._mistakes.pop(place, 0) + 1
        logger.error("%s: cannot handle message %s %d, attempt %d", self._name, *place, count, exc_info=exc)
        if count >= self._attempts:
            await self._put_aside(message, f"not handled: {in_words(exc)}")
            return
        self._mistakes[place] = count
        if len(self._mistakes) > _REMEMBERED:
            del self._mistakes[next(iter(self._mistakes))]
        await self._again(message, self._delay * 2 ** (count - 1))

    async def _put_aside(self, message: Msg, reason: str) -> None:
        """It can never be handled."""
        try:
            await self._letters.bury(message, reason)
        except UNAVAILABLE as exc:
            logger.warning("%s: a message cannot be put aside yet: %s", self._name, in_words(exc))
            await self._again(message, self._delay)
        except Exception:  # whoever handles messages calls us at its edge: there is nobody else to answer for this one
            logger.exception("%s: a message cannot be put aside", self._name)
            await self._again(message, self._delay)
        else:
            await self._quietly(message.term())

    async def hand_back(self, messages: Iterable[Msg]) -> None:
        """They were not handled: another replica may have them at once."""
        for message in messages:
            await self._again(message, 0)

    async def still_at_work(self, message: Msg) -> None:
        """It is being handled: nobody else is to have it."""
        await self._quietly(message.in_progress())

    async def _again(self, message: Msg, delay: float) -> None:
        await self._quietly(message.nak(delay=delay or None))

    async def _quietly(self, answer: Awaitable[None]) -> None:
        """An answer that does not reach the broker brings the message again, which is handled as a repeat."""
        try:
            await answer
        except UNAVAILABLE as exc:
            logger.warning("%s: a message stays unanswered: %s", self._name, in_words(exc))


def _place(message: Msg) -> tuple[str, int]:
    about = message.metadata
    return about.stream, about.sequence.stream
