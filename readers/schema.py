"""The tables that readers keep beside the log: what `aetherius migrate` makes of them."""

from __future__ import annotations

from typing import Final

from aetherius.runtime.migrations.room import Room

ROOM: Final = Room.of("readers")
