"""What the orchestrator raises.

AetheriusError > DomainError > DefinitionError    a workflow definition breaks a rule, at a line and column
"""

from __future__ import annotations

from aetherius.domain.errors import DomainError


class DefinitionError(DomainError):
    """A workflow definition is wrong.

    Attributes: `source` (file), `line` and `column` (from 1), `rule`.
    """

    def __init__(self, source: str, line: int, column: int, rule: str) -> None:
        super().__init__(f"{source}:{line}:{column}: {rule}")
        self.source = source
        self.line = line
        self.column = column
        self.rule = rule


class ConditionError(DomainError):
    """A condition does not compile, or broke while it was evaluated.

    Attributes: `expression`, `column` (from 1, inside the expression), `rule`.
    """

    def __init__(self, expression: str, column: int, rule: str) -> None:
        super().__init__(f"{expression!r} at {column}: {rule}")
        self.expression = expression
        self.column = column
        self.rule = rule
