"""Random documents and random questions: every server answers as looking at each document does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aetherius.projections.search.query import query_of
from search_oracle import a_document, expected
from search_site import Generations

pytestmark = pytest.mark.anyio

WORDS = (
    "pod",
    "pods",
    "Back-off",
    "BACK",
    "image",
    "64Mi",
    "é",
    "É",
    "ſtraße",
    "STRASSE",
    "oom_killed",
    "😀",
    "x1",
    "再起",
    "動x",
    "起",
    "_",
    "'",
    "\\",
    "%",
    "a|b",
)
NAMES = ("north", "south", "Süd", "a'b", "")
SOME = st.sampled_from(NAMES[:-1])
MOMENT = st.integers(0, 40).map(lambda n: 1_795_000_000_000 + n * 700 - 9_000)
MESSAGE = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
DOCUMENT = st.fixed_dictionaries(
    {
        "message": MESSAGE,
        "occurred_at": MOMENT,
        "cluster_id": st.sampled_from(NAMES),
        "reason": st.sampled_from(NAMES),
        "severity": st.sampled_from(("low", "high", "")),
        "count": st.none() | st.integers(0, 5),
    }
)
TEXT = st.fixed_dictionaries(
    {
        "query": st.lists(st.sampled_from(WORDS[:11] + WORDS[12:16]), min_size=1, max_size=3).map(" ".join),
        "match": st.sampled_from(("all", "any", "phrase", "prefix")),
    }
)
FIELDS = st.fixed_dictionaries(
    {}, optional={"cluster_id": SOME | st.lists(SOME, min_size=1, max_size=2), "severity": st.just("high")}
)
NUMBERS = st.fixed_dictionaries({}, optional={name: st.integers(-1, 6) for name in ("gte", "gt", "lte", "lt")})
TIMES = st.fixed_dictionaries(
    {},
    optional={
        name: st.integers(0, 30_000_000).map(lambda n: f"2026-11-18T10:26:{n / 1_000_000:09.6f}Z")
        for name in ("gte", "gt", "lte", "lt")
    },
)
COUNTS = st.fixed_dictionaries(
    {},
    optional={
        "terms": st.fixed_dictionaries(
            {"type": st.just("terms"), "field": st.sampled_from(("cluster_id", "reason")), "limit": st.integers(1, 4)}
        ),
        "time": st.fixed_dictionaries(
            {"type": st.just("histogram"), "interval": st.sampled_from(("1s", "7s", "1m"))},
            optional={"by": st.sampled_from(("reason", "severity")), "limit": st.integers(1, 3)},
        ),
    },
)
QUESTION = st.fixed_dictionaries(
    {"limit": st.integers(0, 8)},
    optional={
        "text": TEXT,
        "filter": FIELDS,
        "exclude": FIELDS,
        "range": st.fixed_dictionaries({}, optional={"count": NUMBERS, "occurred_at": TIMES}),
        "aggregations": COUNTS,
        "sort": st.fixed_dictionaries(
            {"field": st.sampled_from(("occurred_at", "position")), "order": st.sampled_from(("asc", "desc"))}
        ),
    },
)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),  # shrinking would take the servers minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(given_documents=st.lists(DOCUMENT, max_size=25), questions=st.lists(QUESTION, min_size=25, max_size=25))
async def test_random_questions_are_answered_alike(
    generations: Generations, given_documents: list[dict[str, Any]], questions: list[dict[str, Any]]
) -> None:
    documents = [a_document(f"d{n * 7 % 11}-{n}", n + 1, **each) for n, each in enumerate(given_documents)]
    index = generations(1)
    await index.drop()
    await index.prepare()
    assert await index.index(documents, len(documents)) == []
    await index.refresh()
    for question in questions:
        query = query_of(msgspec.json.encode(question))
        found, wanted = await index.search(query), expected(documents, query)
        assert (question, found.documents, found.total) == (question, wanted.documents, wanted.total)
        assert (question, found.aggregations) == (question, wanted.aggregations)
