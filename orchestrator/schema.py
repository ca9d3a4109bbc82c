"""The tables of the process managers' states: what `aetherius migrate` makes of them."""

from __future__ import annotations

from typing import Final

from aetherius.runtime.migrations.room import Room

ROOM: Final = Room.of("orchestrator")
