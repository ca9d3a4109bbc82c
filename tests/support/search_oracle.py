"""A naive matcher of documents: what every search server must answer, by looking at each document in turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from aetherius.projections.search.document import Document, Kind
from aetherius.projections.search.index import Answer, Bucket
from aetherius.projections.search.query import MAX_COUNTED, Histogram, Query, Terms, Text
from aetherius.projections.search.words import text_of


def field_of(document: Document, name: str) -> Any:
    """A field's value as servers see it: None where it is missing."""
    value = getattr(document, name)
    return None if value == "" else value


def a_document(id: str, position: int, message: str = "", **fields: Any) -> Document:
    given = {
        "kind": Kind.OBSERVATION,
        "type": "ClusterEvent.Reported",
        "stream_id": id,
        "version": 1,
        "occurred_at": 1_795_000_000_000 + position * 1000,
    }
    return Document(id=id, position=position, message=message, text=text_of([message]), **{**given, **fields})


def expected(documents: Iterable[Document], query: Query) -> Answer:
    """The answer over documents, of which of each id the one with the highest position counts."""
    newest: dict[str, Document] = {}
    for each in documents:
        if each.id not in newest or newest[each.id].position < each.position:
            newest[each.id] = each
    found = [each for each in newest.values() if _matches(each, query)]
    found.sort(key=lambda each: _place(each, query), reverse=query.sort.order == "desc")
    page = [each for each in found if query.after is None or _is_behind(each, query)]
    return Answer(
        total=min(len(found), MAX_COUNTED),
        documents=page[: query.limit],
        cursor=None,
        aggregations={name: _counted(found, wanted) for name, wanted in query.aggregations.items()},
    )


def _place(document: Document, query: Query) -> tuple[int, bytes]:
    return getattr(document, query.sort.field), document.id.encode()


def _is_behind(document: Document, query: Query) -> bool:
    assert query.after is not None
    after = (query.after[0], query.after[1].encode())
    place = _place(document, query)
    return place < after if query.sort.order == "desc" else place > after


def _matches(document: Document, query: Query) -> bool:
    return (
        all(field_of(document, name) in values for name, values in query.filter.given())
        and not any(field_of(document, name) in values for name, values in query.exclude.given())
        and all(_holds(field_of(document, name), sign, value) for name, sign, value in query.range.given())
        and (query.text is None or _reads(document.text.split(" "), query.text))
    )


def _holds(value: int | None, sign: str, bound: int) -> bool:
    return value is not None and (value >= bound if sign == ">=" else value < bound)


def _reads(words: Sequence[str], text: Text) -> bool:
    found = [_follow(wanted, words) for wanted in text.phrases]
    if text.match == "any":
        return any(found)
    return all(found) and (not text.beginning or any(word.startswith(text.beginning) for word in words))


def _follow(wanted: Sequence[str], words: Sequence[str]) -> bool:
    return any(list(words[at : at + len(wanted)]) == list(wanted) for at in range(len(words)))


def _counted(found: Sequence[Document], wanted: Terms | Histogram) -> list[Bucket]:
    if isinstance(wanted, Terms):
        return _by_value(found, wanted.field, wanted.limit)
    stretches: dict[int, list[Document]] = {}
    for each in found:
        stretches.setdefault(each.occurred_at // wanted.width * wanted.width, []).append(each)
    return [
        Bucket(key=start, count=len(some), by=_by_value(some, wanted.by, wanted.limit) if wanted.by else [])
        for start, some in sorted(stretches.items())
    ]


def _by_value(found: Sequence[Document], field: str, limit: int) -> list[Bucket]:
    values = Counter(value for each in found if (value := field_of(each, field)) is not None)
    ordered = sorted(values.items(), key=lambda item: (-item[1], str(item[0]).encode()))
    return [Bucket(key=str(value), count=count) for value, count in ordered[:limit]]
