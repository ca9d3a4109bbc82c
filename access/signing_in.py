"""Who asks a REST route: a dependency that reads the bearer token, and answers 401 without one."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import HTTPException, Request

from aetherius.access.tokens import Tokens
from aetherius.access.user import User

SignedIn = Callable[[Request], User]


def signed_in(tokens: Tokens) -> SignedIn:
    """The dependency over some tokens."""

    def user(request: Request) -> User:
        found = tokens.user(request.headers.get("authorization"))
        if found is None:
            raise no_token()
        return found

    return user


def no_token() -> HTTPException:
    """What is raised when nobody known asks."""
    return HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
