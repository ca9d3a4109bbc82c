"""What the members' signs say together, in words: how many workloads of how many namespaces, and a few of their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from aetherius.domain.diagnosis.evidence import EvidenceFile, Sign
from aetherius.domain.wire.analysis import Evidence

_NAMED: Final = 5


def members(signs: Sequence[Sign]) -> list[str]:
    """Whose signs they are, each once, as `namespace/kind/name`; in the order of their first."""
    return list(dict.fromkeys(_member(sign) for sign in signs))


def told_together(file: EvidenceFile, what: str) -> Iterator[Evidence]:
    """How many show it, and what one of them said last."""
    found = members(file.signs)
    spaces = {sign.namespace for sign in file.signs if sign.namespace}
    where = f" in {len(spaces)} namespaces" if len(spaces) > 1 else ""
    named = ", ".join(found[:_NAMED]) + (f" and {len(found) - _NAMED} more" if len(found) > _NAMED else "")
    yield Evidence(source="members", finding=f"{len(found)} {what}{where}: {named}", weight=0.6)
    if file.signs:
        latest = file.signs[-1]
        yield Evidence(source="events", finding=latest.message or latest.reason, weight=0.4)


def _member(sign: Sign) -> str:
    labels = sign.labels
    kind, name = (labels.owner_kind or labels.kind, labels.owner_name or labels.name)
    if labels.kind == "Node":
        kind, name = labels.kind, labels.name
    return f"{sign.namespace}/{kind}/{name}" if sign.namespace else f"{kind} {name}"
