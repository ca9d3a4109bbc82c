"""What every search index promises, on each server there is."""

from __future__ import annotations

import msgspec
import pytest

from aetherius.projections.errors import InvalidQueryError
from aetherius.projections.search.document import Document
from aetherius.projections.search.index import SearchIndex
from aetherius.projections.search.query import Query, query_of
from aetherius.projections.search.words import VERSION
from search_oracle import a_document, expected
from search_site import Generations

pytestmark = pytest.mark.anyio

DOCUMENTS = [
    a_document("a", 1, "Back-off restarting failed container", reason="BackOff", cluster_id="north", count=3),
    a_document("b", 2, "Back off pulling image web:1", reason="BackOff", cluster_id="south", severity="high", count=1),
    a_document(
        "c", 3, "OOM killed: limit 64Mi, container web", reason="OOMKilled", cluster_id="north", severity="high"
    ),
    a_document("d", 4, "Straße gesperrt \u0130stanbul", reason="Odd", cluster_id="Süd"),
    a_document("e", 5, "container failed restarting", reason="BackOff", cluster_id="north", count=7),
    a_document("f", 6, f"このPodは再起動しました: 地域住民が主体となって{'長い' * 40}まちづくりを進めるための組織です"),
    a_document("g", 7, "ระบบประเทศไทยล่ม ខ្ញុំរៀនភាសាខ្មែរ ພາສາລາວ မြန်မာဘာသာ 集群节点故障"),
    a_document("h", 8, f"résumé of {'0123456789abcdef' * 12} naïve Ελλάς ёлка"),
]
QUESTIONS = [
    {},
    {"text": {"query": "container"}},
    {"text": {"query": "CONTAINER failed"}},
    {"text": {"query": "image oom", "match": "any"}},
    {"text": {"query": "failed container", "match": "phrase"}},
    {"text": {"query": "restarting failed", "match": "phrase"}},
    {"text": {"query": "back-off res", "match": "prefix"}},
    {"text": {"query": "strasse"}},
    {"text": {"query": "i\u0307stanbul"}},
    {"text": {"query": "本" * 1000}},
    {"text": {"query": "a " * 499 + "a", "match": "any"}},
    {"filter": {"cluster_id": "north"}},
    {"filter": {"cluster_id": ["north", "Süd"], "reason": "BackOff"}},
    {"exclude": {"severity": "high"}},
    {"range": {"count": {"gt": 1, "lte": 7}}},
    {"range": {"occurred_at": {"gte": "2026-11-18T10:26:42Z", "lt": "2026-11-18T10:26:44.5Z"}}},
    {"sort": {"field": "position", "order": "asc"}, "limit": 2},
    {"limit": 0, "aggregations": {"reasons": {"type": "terms", "field": "reason"}}},
    {"aggregations": {"first": {"type": "terms", "field": "cluster_id", "limit": 1}}},
    {"aggregations": {"time": {"type": "histogram", "interval": "2s", "by": "reason", "limit": 2}}},
    {"aggregations": {"day": {"type": "histogram", "interval": "1d"}}, "text": {"query": "container"}},
]

WRITTEN = (
    "まちづくり",
    "ちづく",
    "り",
    "住民 再起動",
    "pod",
    "Podは再",
    "再起 まち",
    "起再",
    "長い" * 40,
    "长い",
    "ประเทศ",
    "ទេស",
    "ភាសា",
    "ລາວ",
    "ဘာသာ",
    "节点",
    "点节",
    "节点 故障",
    "istanbul",
    "ISTANBUL",
    "gesperrt ıst",
    "resume",
    "RÉSUMÉ",
    "re\u0301sume\u0301",
    "naive",
    "ελλασ",
    "елка",
    "0123456789abcdef" * 12,
    "0123456789abcdef" * 5,
    "0123456789abcdef" * 4,
    "0123456789abcdef" * 12 + "0",
)
"""Parts of texts without spaces, in other cases, without accents, and longer than a word may be."""


@pytest.fixture
async def index(generations: Generations) -> SearchIndex:
    made = generations(1)
    await made.prepare()
    await made.serve()
    return made


async def filled(index: SearchIndex, documents: list[Document] = DOCUMENTS) -> SearchIndex:
    assert await index.index(documents, max(each.position for each in documents)) == []
    await index.refresh()
    return index


def asked(question: object) -> Query:
    return query_of(msgspec.json.encode(question))


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
async def test_a_question_is_answered_as_by_looking_at_each_document(index: SearchIndex, question: object) -> None:
    await filled(index)
    query = asked(question)
    answer, wanted = await index.search(query), expected(DOCUMENTS, query)
    assert [each.id for each in answer.documents] == [each.id for each in wanted.documents]
    assert answer.documents == wanted.documents
    assert answer.total == wanted.total
    assert answer.aggregations == wanted.aggregations


@pytest.mark.parametrize("match", ["all", "any", "phrase", "prefix"])
async def test_what_is_written_in_any_script_is_found_alike(index: SearchIndex, match: str) -> None:
    await filled(index)
    for written in WRITTEN:
        query = asked({"text": {"query": written, "match": match}})
        found = [each.id for each in (await index.search(query)).documents]
        assert found == [each.id for each in expected(DOCUMENTS, query).documents], written


async def test_parts_of_what_is_written_without_spaces_are_found(index: SearchIndex) -> None:
    await filled(index)
    for written, id in (("まちづくり", "f"), ("ประเทศ", "g"), ("节点", "g"), ("istanbul", "d"), ("resume", "h")):
        answer = await index.search(asked({"text": {"query": written}}))
        assert [each.id for each in answer.documents] == [id], written


async def test_pages_follow_one_another_without_a_gap_also_while_documents_come(index: SearchIndex) -> None:
    await filled(index, [a_document(f"d{n:03}", n, "same", occurred_at=n // 10) for n in range(1, 100)])
    seen, cursor = [], None
    for round in range(100):
        answer = await index.search(Query(limit=7, cursor=cursor))
        seen += [each.id for each in answer.documents]
        cursor = answer.cursor
        if round == 3:
            await filled(index, [a_document("late", 500, "newest", occurred_at=10_000)])
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 99


async def test_a_repeat_and_a_late_lower_version_change_nothing(index: SearchIndex) -> None:
    await filled(index)
    newer = a_document("a", 9, "now it is another", occurred_at=DOCUMENTS[0].occurred_at)
    await filled(index, [newer])
    await filled(index)
    assert (await index.get(["a", "b", "none"])) == {"a": newer, "b": DOCUMENTS[1]}
    assert await index.count() == len(DOCUMENTS)


async def test_a_document_that_is_refused_for_itself_is_named_and_the_others_are_stored(index: SearchIndex) -> None:
    odd = a_document("odd", 6, "too large a number", version=2**63)
    [rejected] = await index.index([*DOCUMENTS, odd], 6)
    assert rejected.document == odd
    assert rejected.reason
    await index.refresh()
    assert await index.count() == len(DOCUMENTS)
    assert await index.mark() == 6


async def test_the_mark_is_the_highest_and_nothing_for_a_new_index(
    index: SearchIndex, generations: Generations
) -> None:
    assert await index.mark() == 0
    await index.index([], 7)
    await index.index([], 5)
    assert await index.mark() == 7
    other = generations(2)
    await other.prepare()
    assert await other.mark() == 0


async def test_windows_give_documents_by_position(index: SearchIndex) -> None:
    await filled(index)
    assert [each.id for each in await index.window(1, 4, 2)] == ["b", "c"]
    assert [each.id for each in await index.window(3, 5, 10)] == ["d", "e"]


async def test_a_generation_is_built_unseen_and_then_serves_in_one_action(
    index: SearchIndex, generations: Generations
) -> None:
    await filled(index, DOCUMENTS[:2])
    live, beside = generations(0), generations(2)
    await beside.prepare()
    await filled(beside)
    assert (await live.search(Query())).total == 2
    await beside.serve()
    assert (await live.search(Query())).total == len(DOCUMENTS)
    await filled(beside, [a_document("next-year", 10, occurred_at=1_830_000_000_000)])
    assert (await live.search(Query())).total == len(DOCUMENTS) + 1
    await index.drop()
    assert (await live.search(Query())).total == len(DOCUMENTS) + 1


async def test_an_index_tells_by_which_words_it_was_filled(index: SearchIndex) -> None:
    assert await index.words() == VERSION
    await filled(index)
    await index.prepare()
    assert await index.words() == VERSION


async def test_an_index_without_documents_answers_nothing(index: SearchIndex) -> None:
    answer = await index.search(asked(QUESTIONS[-1]))
    assert (answer.total, answer.documents, answer.aggregations) == (0, [], {"day": []})
    assert await index.count() == 0


async def test_a_histogram_of_too_many_stretches_is_refused(index: SearchIndex) -> None:
    await filled(index, [a_document(f"d{n}", n) for n in range(1, 2100)])
    with pytest.raises(InvalidQueryError, match="fine"):
        await index.search(asked({"limit": 0, "aggregations": {"fine": {"type": "histogram", "interval": "1s"}}}))
