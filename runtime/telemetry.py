"""What a process says about itself: logs on stderr, and the trace context that follows a story across processes.

One line per log record: JSON for machines, plain for a terminal. Nothing is redacted here: secrets must not be given to a logger at all.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from aetherius.runtime.errors import SettingError

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def configure_logging(name: str, level: str = "INFO", json: bool | None = None) -> None:
    """Send every log record of the process to stderr, marked with the service's `name`.

    `json`: None chooses JSON unless stderr is a terminal. Safe to repeat; the last call holds.
    """
    as_json = not sys.stderr.isatty() if json is None else json
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter(name) if as_json else _PlainFormatter(name))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def set_level(level: str) -> None:
    """Log what is of this level or above. Raises ``SettingError`` for what is none."""
    try:
        logging.getLogger().setLevel(level.upper())
    except ValueError:
        raise SettingError("AETHERIUS_LOG_LEVEL", "is not DEBUG, INFO, WARNING or ERROR") from None


class _JsonFormatter(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            line["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return msgspec.json.encode(line, enc_hook=repr).decode()


class _PlainFormatter(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        extra = "".join(f" {key}={value}" for key, value in _extra(record).items())
        line = f"{_time(record)[11:23]} {record.levelname:<7} {self._service}: {record.getMessage()}{extra}"
        if record.exc_info:
            line += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        return line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def new_traceparent() -> str:
    """The trace context (W3C `traceparent`) of a story that begins here."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def child_of(traceparent: str | None) -> str:
    """The trace context of a step within a story: same trace, new span. One that is missing or malformed begins a new story."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    if found is None or not (int(found[1], 16) and int(found[2], 16)):
        return new_traceparent()
    return f"00-{found[1]}-{secrets.token_hex(8)}-{found[3]}"
