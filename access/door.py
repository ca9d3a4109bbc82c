"""The door of the REST routes: bodies unpacked and bounded, queries that are text. What is wrong with them is answered here, as a problem."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from aetherius.access.bodies import BodyRefusedError, again, read_body, sized
from aetherius.access.error_codes import extensions_of
from aetherius.access.errors import InvalidArgumentError
from aetherius.access.json_door import check_text
from aetherius.access.problems import problem

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MAX_QUERY: Final = 100
"""Parameters in a query."""


class Door:
    """An ASGI application in front of another; sees to HTTP only."""

    def __init__(self, app: ASGIApp, max_body: int) -> None:
        """`max_body`: bytes."""
        self._app = app
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            check_query(scope["query_string"])
            if scope["method"] not in _WITHOUT_BODY:
                body = await read_body(scope, receive, self._max_body)
                if body is None:
                    return
                scope, receive = sized(scope, body), again(body, receive)
        except BodyRefusedError as exc:
            headers = {"Accept-Encoding": "gzip"} if exc.status == 415 else {}
            refused = problem(exc.status, str(exc), headers, **extensions_of(exc))
            await refused(scope, receive, send)
        except InvalidArgumentError as exc:
            await problem(400, str(exc), **extensions_of(exc))(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def check_query(query: bytes) -> dict[str, str]:
    """The parameters of a query, if they are text. Raises ``InvalidArgumentError``."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_QUERY)
    except UnicodeError as exc:
        raise InvalidArgumentError("query", "is not UTF-8, percent-encoded") from exc
    except ValueError as exc:
        raise InvalidArgumentError("query", f"has more than {_MAX_QUERY} parameters") from exc
    for name, value in pairs:
        check_text(name, "query")
        check_text(value, name)
    return dict(pairs)
