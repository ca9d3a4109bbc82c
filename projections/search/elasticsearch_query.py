"""A question in Elasticsearch's language, and its answer in ours."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from aetherius.projections.errors import InvalidQueryError
from aetherius.projections.search.document import Document
from aetherius.projections.search.index import Answer, Bucket
from aetherius.projections.search.query import MAX_BUCKETS, MAX_COUNTED, Histogram, Query, Terms, Text, cursor_of

_BY_FREQUENCY: Final = [{"_count": "desc"}, {"_key": "asc"}]
_EXACT_UPTO: Final = 10_000
"""Different values in one month's index up to which counts by value are exact: each sends so many."""


def body_of(query: Query) -> dict[str, Any]:
    """What is sent to `_search`. One document more than asked for tells whether there is another page."""
    body: dict[str, Any] = {
        "query": {"bool": {"filter": _conditions(query), "must_not": _any_of(query.exclude.given())}},
        "size": query.limit + 1 if query.limit else 0,
        "sort": [{query.sort.field: query.sort.order}, {"id": query.sort.order}],
        "track_total_hits": MAX_COUNTED,
    }
    if query.after:
        body["search_after"] = list(query.after)
    if query.aggregations:
        body["aggs"] = {name: _aggregation(wanted) for name, wanted in query.aggregations.items()}
    return body


def answer_of(query: Query, found: dict[str, Any]) -> Answer:
    """What `_search` answered. Raises ``InvalidQueryError`` for a histogram of too many stretches."""
    hits = found["hits"]
    documents = [msgspec.convert(hit["_source"], Document) for hit in hits["hits"]]
    shown, more = documents[: query.limit], len(documents) > query.limit
    given = found.get("aggregations", {})
    return Answer(
        total=min(hits["total"]["value"], MAX_COUNTED),
        documents=shown,
        cursor=cursor_of(query.sort, getattr(shown[-1], query.sort.field), shown[-1].id) if more and shown else None,
        aggregations={name: _buckets(name, given.get(name, {})) for name in query.aggregations},
    )


def _conditions(query: Query) -> list[dict[str, Any]]:
    conditions = [*_any_of(query.filter.given())]
    for field, comparison, value in query.range.given():
        conditions.append({"range": {field: {"gte" if comparison == ">=" else "lt": value}}})
    if query.text:
        conditions += _words(query.text)
    return conditions


def _any_of(fields: list[tuple[str, list[str]]]) -> list[dict[str, Any]]:
    return [{"terms": {name: values}} for name, values in fields]


def _words(text: Text) -> list[dict[str, Any]]:
    found = [_phrase(words) for words in text.phrases]
    if text.match == "any":
        return [{"bool": {"should": found, "minimum_should_match": 1}}]
    return found + ([{"prefix": {"text": text.beginning}}] if text.beginning else [])


def _phrase(words: list[str]) -> dict[str, Any]:
    return {"term": {"text": words[0]}} if len(words) == 1 else {"match_phrase": {"text": " ".join(words)}}


def _aggregation(wanted: Terms | Histogram) -> dict[str, Any]:
    if isinstance(wanted, Terms):
        return _terms(wanted.field, wanted.limit)
    histogram: dict[str, Any] = {
        "date_histogram": {"field": "occurred_at", "fixed_interval": f"{wanted.width}ms", "min_doc_count": 1}
    }
    if wanted.by:
        histogram["aggs"] = {"by": _terms(wanted.by, wanted.limit)}
    return histogram


def _terms(field: str, limit: int) -> dict[str, Any]:
    return {"terms": {"field": field, "size": limit, "shard_size": _EXACT_UPTO, "order": _BY_FREQUENCY}}


def _buckets(name: str, given: dict[str, Any]) -> list[Bucket]:
    buckets = given.get("buckets", [])
    if len(buckets) > MAX_BUCKETS:
        raise too_many(name)
    return [Bucket(key=each["key"], count=each["doc_count"], by=_buckets(name, each.get("by", {}))) for each in buckets]


def too_many(name: str) -> InvalidQueryError:
    """Refuses a histogram."""
    return InvalidQueryError(
        f"aggregations.{name}", f"would have more than {MAX_BUCKETS} stretches: ask for longer ones, or less time"
    )
