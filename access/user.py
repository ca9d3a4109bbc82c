"""Who asks, and what they may."""

from __future__ import annotations

import enum

import msgspec


class Role(enum.StrEnum):
    """A reader sees everything (what is secret, if the token says so); an operator also decides."""

    READER = "reader"
    OPERATOR = "operator"


class User(msgspec.Struct, frozen=True):
    """Who a token stands for."""

    name: str
    role: Role
    secrets: bool = True
    """Whether what commands printed is shown."""

    @property
    def actor(self) -> str:
        """As events name it."""
        return f"user:{self.name}"
