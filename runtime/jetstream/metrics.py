"""What is counted for Prometheus of messages that nobody could handle. Apart from `dead_letters.py`: the agent, which has neither, imports what lies there."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter

PUT_ASIDE: Final = Counter("aetherius_dead_letters", "Messages, or lines of them, that broke a rule and were put aside")
