"""What an output expression would print: the paths of `jsonpath=`, `custom-columns=` and `--sort-by`.

They print values without their names, and nothing masks those by structure. So a path must end in a field that is known to be harmless, or lie in such a
part of an object, and may pass through none that is denied; what a filter compares is a path too. Recursive descent, wildcards for names and whole objects
are refused.
"""

from __future__ import annotations

import re
from typing import Final

from aetherius.domain.catalogue.command_policy import ExpressionRule, OutputFormats
from aetherius.edge_agent.errors import PolicyRefusedError

_LONGEST: Final = 400
_NAME: Final = r"(?:[A-Za-z0-9_/-]|\\[./])+"
_LITERAL: Final = r"(?:\"[\w .:/+-]*\"|'[\w .:/+-]*'|-?\d+(?:\.\d+)?|true|false)"
_RELATIVE: Final = rf"@(?:\.{_NAME}|\[\d+\])+"
_STEP: Final = re.compile(
    rf"\.(?P<name>{_NAME})|\[(?:\*|-?\d+|-?\d*:-?\d*(?::\d+)?)\]|\[(?P<quote>['\"])(?P<key>(?:[\w/.-]|\\.)+)(?P=quote)\]"
    rf"|\[\?\((?P<filter>{_RELATIVE})(?: ?(?:==|!=|<=?|>=?) ?{_LITERAL})?\)\]"
)
_INNER: Final = re.compile(rf"\.({_NAME})")
_TEMPLATE: Final = re.compile(
    r"\{(?P<inside>(?:[^{}\"']|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')*)\}|(?P<plain>[\w .:,;/=|+-]|\\[nt])"
)
_TEXT: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_COLUMN: Final = re.compile(r"(?P<header>[A-Za-z0-9_./() %-]{1,40}):(?P<path>.+)")
_WAY, _COMPARED = "?/", "?"
"""Before the names of a filter's path: those on the way, and the one that is compared."""
_OPEN_VALUES: Final = frozenset({"taints", "tolerations"})
"""Parts whose `value` is no secret."""


def check_output(output: str, formats: OutputFormats) -> None:
    """Allow an output format.

    Raises:
        PolicyRefusedError: it is not listed, or its paths are not allowed.
    """
    rule = formats.expression_rule
    if output in formats.allow_exact:
        return
    if len(output) > _LONGEST:
        raise _refused(f"output: more than {_LONGEST} characters")
    if output.startswith("jsonpath="):
        _check_template(output.removeprefix("jsonpath="), rule)
    elif output.startswith("custom-columns="):
        _check_columns(output.removeprefix("custom-columns="), rule)
    else:
        raise _refused(f"output format {output!r} is not allowed")


def check_sort(path: str, rule: ExpressionRule) -> None:
    """Allow a path to sort by: the order of what is printed tells of the values, too."""
    _check_steps(_steps(_bare(path)), rule)


def _refused(rule: str) -> PolicyRefusedError:
    return PolicyRefusedError("semantics", rule)


def _check_template(text: str, rule: ExpressionRule) -> None:
    at, paths = 0, 0
    while at < len(text):
        part = _TEMPLATE.match(text, at)
        if not part:
            raise _refused(f"output: only plain paths, not {text[at : at + 40]!r}")
        if part["inside"] is not None:
            _check_action(part["inside"].strip(), rule)
            paths += 1
        at = part.end()
    if not paths:
        raise _refused("output: there is no path in it")


def _check_action(action: str, rule: ExpressionRule) -> None:
    if action == "end" or _TEXT.fullmatch(action):
        return
    if action.startswith("range "):
        _check_steps(_steps(action.removeprefix("range ").strip()), rule)
        return
    _check_path(action, rule)


def _check_columns(text: str, rule: ExpressionRule) -> None:
    for column in text.split(","):
        found = _COLUMN.fullmatch(column)
        if not found:
            raise _refused(f"output: {column!r} is not HEADER:PATH")
        _check_path(_bare(found["path"]), rule)


def _bare(path: str) -> str:
    """`{.a}`, `.a` and `a` are the same path where no template is meant."""
    inside = path[1:-1] if path.startswith("{") and path.endswith("}") else path
    return inside if inside.startswith((".", "[", "$", "@")) else f".{inside}"


def _steps(path: str) -> list[str]:
    """The names that a path goes through, those of its filters too, as a path of their own each.

    Raises:
        PolicyRefusedError: it is no plain path.
    """
    at, names = (1 if path[:1] in ("$", "@") else 0), list[str]()
    while at < len(path):
        step = _STEP.match(path, at)
        if not step:
            raise _refused(f"output: only plain paths to one field each, not {path!r}")
        names += _names(step)
        at = step.end()
    return names


def _names(step: re.Match[str]) -> list[str]:
    if step["filter"]:
        *way, last = _INNER.findall(step["filter"]) or [""]
        return [*(f"{_WAY}{name}" for name in way), f"{_COMPARED}{last}"]
    name = step["name"] or step["key"]
    return [name] if name else []


def _check_steps(names: list[str], rule: ExpressionRule) -> None:
    """No name on the way is denied."""
    for at, name in enumerate(names):
        plain = name.lstrip(_WAY)
        if plain == "value" and _OPEN_VALUES & set(names[:at]):
            continue
        if plain in rule.path_segment_deny or plain.lower() in rule.path_segment_deny:
            raise _refused(f"output: the field {plain} is denied")
        if name.startswith(_COMPARED) and not name.startswith(_WAY) and not _may_compare(plain, names[:at], rule):
            raise _refused(f"output: a filter may not look at {plain}")


def _may_compare(name: str, way: list[str], rule: ExpressionRule) -> bool:
    return (
        name in rule.last_segment_allow or name == "key" or bool({each.lstrip(_WAY) for each in way} & rule.whole_allow)
    )


def _check_path(path: str, rule: ExpressionRule) -> None:
    names = _steps(path)
    _check_steps(names, rule)
    plain = [name for name in names if not name.startswith(_COMPARED)]
    if not plain:
        raise _refused(f"output: {path!r} is a whole object")
    if plain[-1] not in rule.last_segment_allow and not rule.whole_allow & set(plain):
        raise _refused(f"output: a path must end in a harmless field, {plain[-1]} is not one")
