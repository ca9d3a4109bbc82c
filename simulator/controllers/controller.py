"""What every controller is: one round at a time, told the present moment."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Controller(Protocol):
    """Moves what is towards what is asked for; a round that finds all as asked changes nothing."""

    def step(self, now: datetime) -> None:
        """Do one round."""
