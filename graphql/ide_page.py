"""GraphiQL for browsers, from files of our own: nothing is loaded from elsewhere, and no script runs but the bundle (`graphql/ide`)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from starlette.responses import HTMLResponse, Response

_FOLDER: Final = Path(__file__).with_name("ide")
_KINDS: Final = {"graphiql.js": "text/javascript", "graphiql.css": "text/css", "LICENSES.txt": "text/plain"}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Styles may stand in the page, as its editor writes some; scripts may not."""
_PAGE: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Aetherius GraphQL</title><link rel="stylesheet" href="/graphql/ide/graphiql.css">
<style>html, body, #graphiql { height: 100%; margin: 0 }</style></head>
<body><div id="graphiql"></div><script src="/graphql/ide/graphiql.js"></script></body>
</html>
"""
_GUARDS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def page() -> Response:
    """The page. It holds nothing that is not public: who asks with it gives a token."""
    return HTMLResponse(_PAGE, headers={**_GUARDS, "Cache-Control": "no-cache", "Vary": "Accept"})


def file(name: str) -> Response:
    """A file of the page, by its name; 404 for any other."""
    if name not in _KINDS:
        return Response(status_code=404)
    return Response(_content(name), media_type=_KINDS[name], headers={**_GUARDS, "Cache-Control": "max-age=3600"})


@cache
def _content(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()
