"""Which type a word of a kubectl line means: its plural name and its group, as the server would find it.

Words are in any case, singular, plural or short, with a group (`rollouts.argoproj.io`), or with a version and a group (`deployments.v1.apps`). Without a
group only what Kubernetes itself ships is known, and a few names that nobody else uses: a group that we do not know could give our names to other things.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

import msgspec

from aetherius.domain.catalogue.command_policy import Resources
from aetherius.edge_agent.errors import PolicyRefusedError

_VERSION: Final = re.compile(r"v\d+((alpha|beta)\d+)?")


class ResourceType(msgspec.Struct, frozen=True):
    """A type. `group` is None where none was given, and empty for the core group."""

    plural: str
    group: str | None = None


def type_of(word: str, resources: Resources) -> ResourceType:
    """The type that a word means, allowed or not."""
    kind, dot, rest = word.lower().partition(".")
    version, second, group = rest.partition(".")
    if not (second and _VERSION.fullmatch(version)):
        group = rest
    return ResourceType(_plural(kind, resources), group if dot else None)


def check_type(found: ResourceType, word: str, resources: Resources) -> None:
    """Allow a type.

    Raises:
        PolicyRefusedError: it is denied, or not listed in that group, or not known without one.
    """
    for denial in resources.deny:
        if found.plural in denial.types:
            raise _refused(f"{found.plural} are denied" + (f": {denial.why}" if denial.why else ""))
    if found.group is None:
        _check_alone(found.plural, resources)
    elif found.group not in resources.groups:
        raise _refused(f"{word!r}: the group {found.group!r} is not listed")
    elif found.plural not in resources.groups[found.group]:
        raise _refused(f"{word!r} is not a resource type of the policy")


def _check_alone(plural: str, resources: Resources) -> None:
    if plural in resources.known_without_group or any(plural in resources.groups[each] for each in resources.shipped):
        return
    groups = sorted(group for group, types in resources.groups.items() if plural in types)
    if groups:
        raise _refused(f"{plural} needs its group: " + " or ".join(f"{plural}.{group}" for group in groups))
    raise _refused(f"{plural} is not a resource type of the policy")


def _refused(rule: str) -> PolicyRefusedError:
    return PolicyRefusedError("semantics", rule)


def _plural(kind: str, resources: Resources) -> str:
    return resources.short_names.get(kind) or _forms(_known(resources)).get(kind, kind)


def _known(resources: Resources) -> frozenset[str]:
    denied = (each for denial in resources.deny for each in denial.types)
    return frozenset(denied).union(*resources.groups.values())


@cache
def _forms(plurals: frozenset[str]) -> dict[str, str]:
    """Plural names by what one may write for them."""
    return {form: plural for plural in sorted(plurals, reverse=True) for form in _spellings(plural)}


def _spellings(plural: str) -> Iterator[str]:
    if plural.endswith("ies"):
        yield f"{plural[:-3]}y"
    if plural.endswith("es"):
        yield plural[:-2]
    if plural.endswith("s"):
        yield plural[:-1]
    yield plural
