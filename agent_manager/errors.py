"""Errors of the agent manager: leaves of the tree in `domain/errors.py`.

DomainError
+-- QueueFullError           an agent's queue of commands takes no more
+-- LetterNotFoundError      no dead letter has this number
+-- LetterCutError           a dead letter is not whole, and cannot be sent again
"""

from __future__ import annotations

from aetherius.domain.errors import DomainError


class QueueFullError(DomainError):
    """Too many commands wait for one agent."""

    def __init__(self, cluster_id: str) -> None:
        super().__init__(f"the queue of cluster {cluster_id} is full: its agent takes no commands")
        self.cluster_id = cluster_id


class LetterNotFoundError(DomainError):
    """No dead letter has this number: it was dropped, replayed, or is older than the stream keeps."""

    def __init__(self, sequence: int) -> None:
        super().__init__(f"there is no dead letter {sequence}")
        self.sequence = sequence


class LetterCutError(DomainError):
    """The message was too large to be kept whole; what is left of it must not be sent. `size`: bytes it had."""

    def __init__(self, sequence: int, size: int) -> None:
        super().__init__(f"dead letter {sequence} was cut (it had {size} bytes), and cannot be sent again")
        self.sequence = sequence
        self.size = size
