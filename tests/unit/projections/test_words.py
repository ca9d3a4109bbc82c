"""How text becomes words: any part of what is written without spaces, one case, no accents, in time that grows with the text only."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetherius.projections.search.words import LONGEST, MOST, stands_alone, terms_of, text_of, words_of

TOGETHER = {
    "Japanese": "地域住民が主体となってまちづくりを進めるための組織です",
    "Chinese": "集群节点发生故障",
    "Thai": "ระบบประเทศไทยล่มแล้ว",
    "Khmer": "ខ្ញុំរៀនភាសាខ្មែរ",
    "Lao": "ພາສາລາວງາມ",
    "Burmese": "မြန်မာဘာသာစကား",
}
LETTERS = sorted({letter for text in TOGETHER.values() for letter in unicodedata.normalize("NFKC", text)} | set("ab1"))


def found(query: str, text: str) -> bool:
    """Whether each term of a query is in a text, its words in a row."""
    words = words_of(text)
    return all(any(words[at : at + len(term)] == term for at in range(len(words))) for term in terms_of(query))


@pytest.mark.parametrize("language", TOGETHER)
def test_every_part_of_what_is_written_without_spaces_is_found(language: str) -> None:
    text = unicodedata.normalize("NFKC", TOGETHER[language])
    parts = {text[start:end] for start in range(len(text)) for end in range(start + 1, len(text) + 1)}
    assert [part for part in parts if not found(part, text)] == []
    assert not found(text[::-1], text)


@given(st.lists(st.sampled_from(LETTERS), min_size=1, max_size=300).map("".join), st.data())
def test_a_part_is_found_wherever_it_stands(text: str, data: st.DataObject) -> None:
    if not all(map(stands_alone, words_of(text))):
        text = "".join(letter for letter in text if letter not in "ab1") or "本"
    text = unicodedata.normalize("NFKC", text)
    start = data.draw(st.integers(0, len(text) - 1))
    assert found(text[start : data.draw(st.integers(start + 1, len(text)))], text)


@given(st.text(max_size=200))
def test_a_text_is_found_by_itself_in_any_case_and_form(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert words_of(unicodedata.normalize(form, text)) == words_of(text)
    assert words_of(" ".join(words_of(text))) == words_of(text)
    assert found(text, f"before {text} behind")


@given(st.text(max_size=200))
def test_words_hold_nothing_that_a_server_takes_for_a_sign_of_its_own(text: str) -> None:
    for word in words_of(text):
        assert 0 < len(word) <= LONGEST
        assert not set(word) & set("'\\%_|&!():* \t\n\x00")
        assert not any(letter.isspace() for letter in word)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("istanbul", "\u0130stanbul"),
        ("ISTANBUL", "\u0131stanbul"),
        ("strasse", "Straße"),
        ("STRASSE", "straße"),
        ("resume", "résumé"),
        ("résumé", "RESUME"),
        ("lodz", "Łódź"),
        ("ελλασ", "Ελλάς"),
        ("елка", "Ёлка"),
        ("سلام", "سَلام"),
        ("ガギ", "ｶﾞｷﾞ"),
        ("高い", "高\u200bい"),
    ],
)
def test_case_accents_and_forms_do_not_count(query: str, text: str) -> None:
    assert found(query, text)
    assert found(text, query)


@pytest.mark.parametrize(("one", "other"), [("が", "か"), ("กา", "กี"), ("हिन्दी", "हन्दी"), ("한국", "한극")])
def test_what_makes_another_letter_counts(one: str, other: str) -> None:
    assert not found(one, other)


def test_a_long_word_is_told_from_another_that_begins_alike() -> None:
    long = "0123456789abcdef" * 12
    assert found(long, f"sum {long}")
    assert not found(long[:-1], f"sum {long}")
    assert not found(long, f"sum {long[:-1]}0")


def test_a_word_among_letters_without_spaces_is_a_word() -> None:
    assert terms_of("このPodは") == [["こ", "の", "pod", "は"]]
    assert found("pod", "このPodは")
    assert found("のpod", "このPodは")


def test_parts_are_set_apart_and_too_much_is_cut_between_two_words() -> None:
    assert text_of(["再起", "", "動"]) == "再 起 | 動"
    cut = text_of(["本" * MOST])
    assert len(cut) <= MOST
    assert set(cut.split(" ")) == {"本"}


@pytest.mark.parametrize("letter", ["本", "é", "a\u0301", "x", "ກ", "\ufdfa", "\u0e31"])
def test_the_time_grows_with_the_text_only(letter: str) -> None:
    def seconds(length: int) -> float:
        begun = time.process_time()
        words_of(letter * length)
        return time.process_time() - begun

    seconds(1_000)
    small, large = max(seconds(5_000), 0.001), seconds(50_000)
    assert large < small * 60, "ten times the text, and far more than ten times the time"
