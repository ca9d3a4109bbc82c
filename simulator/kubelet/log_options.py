"""What a request for a pod's log asks for."""

from __future__ import annotations

from dataclasses import dataclass

from aetherius.simulator.api.query import Options


@dataclass(frozen=True)
class LogOptions:
    """The query of a log request, as kubectl sends it."""

    container: str = ""
    previous: bool = False
    timestamps: bool = False
    tail: int | None = None
    since_seconds: int | None = None
    limit_bytes: int | None = None

    @classmethod
    def of(cls, options: Options) -> LogOptions:
        """Read a query; raises `ApiError` 400."""
        return cls(
            container=options.text("container"),
            previous=options.flag("previous"),
            timestamps=options.flag("timestamps"),
            tail=options.number("tailLines"),
            since_seconds=options.number("sinceSeconds"),
            limit_bytes=options.number("limitBytes"),
        )
