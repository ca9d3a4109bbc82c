"""An exception always says something."""

from __future__ import annotations

import nats.errors
import pytest

from aetherius.domain.errors import DomainError, InvalidMessageError
from aetherius.runtime.in_words import in_words


@pytest.mark.parametrize(
    ("exc", "said"),
    [
        (TimeoutError(), "TimeoutError"),
        (KeyError("name"), "KeyError: 'name'"),
        (ValueError("  "), "ValueError"),
        (nats.errors.TimeoutError(), "TimeoutError: nats: timeout"),
        (InvalidMessageError("event", "no id"), "event: no id"),
        (DomainError(), "DomainError"),
    ],
)
def test_it_says_what_and_of_which_kind(exc: Exception, said: str) -> None:
    assert in_words(exc) == said
