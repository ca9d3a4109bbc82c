"""Label selectors and node selector terms, as the scheduler reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Document = dict[str, Any]
Labels = Mapping[str, str]


def selects(selector: Document | None, labels: Labels) -> bool:
    """Whether a label selector chooses these labels: an empty one chooses all, none chooses nothing."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    same = all(labels.get(key) == value for key, value in wanted.items())
    return same and all(_holds(rule, labels) for rule in selector.get("matchExpressions") or ())


def fits_terms(terms: Iterable[Document], labels: Labels, name: str) -> bool:
    """Whether one of the terms of a node selector fits a node; an empty term fits none."""
    return any(_fits(term, labels, name) for term in terms)


def _fits(term: Document, labels: Labels, name: str) -> bool:
    by_label, by_field = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not by_label and not by_field:
        return False
    return all(_holds(rule, labels) for rule in by_label) and all(
        _holds(rule, {"metadata.name": name}) for rule in by_field
    )


def _holds(rule: Document, labels: Labels) -> bool:
    found, values = labels.get(str(rule.get("key"))), [str(each) for each in rule.get("values") or ()]
    match rule.get("operator"):
        case "In":
            return found in values
        case "NotIn":
            return found not in values
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case "Gt" | "Lt" as operator:
            return _compares(operator, found, values)
        case _:
            return False


def _compares(operator: str, found: str | None, values: list[str]) -> bool:
    try:
        number, bound = int(found or ""), int(values[0])
    except (ValueError, IndexError):
        return False
    return number > bound if operator == "Gt" else number < bound
