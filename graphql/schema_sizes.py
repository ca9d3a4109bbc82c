"""How many rows a question about the schema itself may have, so that introspection is reckoned as every other field is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from graphql import GraphQLSchema

_PARTS: Final = {"fields": "fields", "inputFields": "fields", "enumValues": "values", "interfaces": "interfaces"}


@dataclass(frozen=True)
class SchemaSizes:
    """Rows of the lists of introspection: the most of one type, and on average where every type is looked at."""

    most: dict[tuple[str, str], int]
    mean: dict[tuple[str, str], float]

    def rows(self, parent: str, field: str, *, every: bool) -> float:
        """Rows of a list field. `every`: below `types`, where the long and the short are all there."""
        found = self.mean if every else self.most
        return found.get((parent, field), 1)


@lru_cache(4)
def sizes_of(schema: GraphQLSchema) -> SchemaSizes:
    """Count them."""
    types: list[Any] = list(schema.type_map.values())
    counts: dict[tuple[str, str], list[int]] = {
        ("__Type", name): [len(getattr(type, part, ())) for type in types] for name, part in _PARTS.items()
    }
    counts["__Field", "args"] = [len(field.args) for field in _fields(types)]
    counts["__Type", "possibleTypes"] = [len(_possible(schema, type)) for type in types]
    counts["__Schema", "types"] = [len(types)]
    counts["__Schema", "directives"] = [len(schema.directives)]
    counts["__Directive", "args"] = [len(directive.args) for directive in schema.directives]
    counts["__Directive", "locations"] = [len(directive.locations) for directive in schema.directives]
    return SchemaSizes(
        {key: max(found, default=0) for key, found in counts.items()},
        {key: sum(found) / max(1, len(found)) for key, found in counts.items()},
    )


def _fields(types: Iterable[Any]) -> Iterable[Any]:
    return (field for type in types for field in getattr(type, "fields", {}).values() if hasattr(field, "args"))


def _possible(schema: GraphQLSchema, type: Any) -> Sequence[Any]:
    return schema.get_possible_types(type) if hasattr(type, "resolve_type") else ()
