"""Why a file is no case."""

from __future__ import annotations

from aetherius.domain.errors import DomainError


class CaseError(DomainError):
    """A line of a case breaks a rule. Attributes: `line` (from 1), `field`, `rule`."""

    def __init__(self, line: int, field: str, rule: str) -> None:
        super().__init__(f"line {line}: {field}: {rule}")
        self.line, self.field, self.rule = line, field, rule
