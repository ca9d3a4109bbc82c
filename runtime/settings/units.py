"""What a setting's number counts: written as its type, so that the field says it once, to people, to mypy and to the list of settings."""

from __future__ import annotations

from typing import Annotated

import msgspec


class Unit(msgspec.Struct, frozen=True):
    """Stands in a type: `Annotated[float, Unit("seconds")]`."""

    name: str


Seconds = Annotated[float, Unit("seconds")]
Days = Annotated[int, Unit("days")]
Bytes = Annotated[int, Unit("bytes")]
Events = Annotated[int, Unit("events")]
Messages = Annotated[int, Unit("messages")]
Connections = Annotated[int, Unit("connections")]
Port = Annotated[int, Unit("port")]
Share = Annotated[float, Unit("0 to 1")]
Count = Annotated[int, Unit("count")]
