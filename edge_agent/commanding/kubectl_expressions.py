"""Output expressions of kubectl: which fields a line may print or sort by. They print text that nobody masks, so every path must end in a harmless field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from aetherius.domain.catalogue.command_policy import ExpressionRule, OutputFormats
from aetherius.edge_agent.errors import PolicyRefusedError

_PIECE: Final = re.compile(r'\{(?:range (?P<range>[^{}]+)|(?P<end>end)|"(?P<text>[^"{}]*)"|(?P<path>[^{}"][^{}]*))\}')
_LITERAL: Final = re.compile(r"(?:\\[nt]|[ ,:/=|-])*")
"""What may be printed between fields."""
_SEGMENT: Final = re.compile(r"\.([A-Za-z]+)")
_INDEX: Final = re.compile(r"\[[^\]]*\]")


def check_output(output: str, formats: OutputFormats) -> None:
    """Allow a value of `-o`.

    Raises:
        PolicyRefusedError: the format, or a field of its expression, is not allowed.
    """
    if output in formats.allow_exact:
        return
    name, equals, expression = output.partition("=")
    rule = formats.expression_rule
    if name == "jsonpath" and equals:
        _check_jsonpath(expression, rule)
    elif name == "custom-columns" and equals:
        _check_columns(expression, rule)
    else:
        raise _refused(f"output format {output!r} is not allowed")


def check_sort(path: str, rule: ExpressionRule) -> None:
    """Allow a value of `--sort-by`. Sorting by a secret tells of it. Raises ``PolicyRefusedError``."""
    for segment in re.findall(r"[A-Za-z]+", path):
        _check_segment(segment, rule)


def _refused(rule: str) -> PolicyRefusedError:
    return PolicyRefusedError("semantics", rule)


def _check_jsonpath(expression: str, rule: ExpressionRule) -> None:
    end = 0
    for piece in _pieces(expression):
        end = piece.end()
        if (ranged := piece["range"]) is not None:
            _segments(ranged, rule)
        elif piece["text"] is not None:
            if not _LITERAL.fullmatch(piece["text"]):
                raise _refused(f"output: {piece['text']!r} is printed for nobody")
        elif piece["path"] is not None:
            _check_path(piece["path"], rule)
    if end == 0 or end != len(expression):
        raise _refused(f"output {expression!r}: only plain paths to one field each")


def _pieces(expression: str) -> Iterator[re.Match[str]]:
    at = 0
    while (piece := _PIECE.match(expression, at)) is not None:
        yield piece
        at = piece.end()


def _check_columns(expression: str, rule: ExpressionRule) -> None:
    for column in expression.split(","):
        name, colon, path = column.partition(":")
        if not colon or not re.fullmatch(rule.columns, name):
            raise _refused(f"output {column!r}: a column is a NAME:.path")
        _check_path(path, rule)


def _check_path(path: str, rule: ExpressionRule) -> None:
    segments = _segments(path, rule)
    if segments[-1] not in rule.last_segment_allow:
        raise _refused(f"output: a path must end in a harmless field, {segments[-1]} is not one")


def _segments(path: str, rule: ExpressionRule) -> list[str]:
    if not re.fullmatch(rule.path, path):
        raise _refused(f"output {path!r}: only plain paths to one field each")
    segments = _SEGMENT.findall(_INDEX.sub("", path))
    for segment in segments:
        _check_segment(segment, rule)
    return segments


def _check_segment(segment: str, rule: ExpressionRule) -> None:
    if segment in rule.path_segment_deny:
        raise _refused(f"output: the field {segment} is denied")
