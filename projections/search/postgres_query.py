"""A question in SQL: conditions with their values, and the statements on top of them."""

from __future__ import annotations

from typing import Any, Final

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from aetherius.projections.search.query import MAX_BUCKETS, MAX_COUNTED, Histogram, Query, Terms, Text
from aetherius.projections.tables import text as statement

_COMPARISONS: Final = {">=": SQL(">="), "<": SQL("<")}
_ORDERS: Final = {"asc": SQL("ASC"), "desc": SQL("DESC")}


class Asked:
    """One question on one table (or view) of documents."""

    def __init__(self, query: Query, documents: Identifier) -> None:
        self._query = query
        self._documents = documents
        self.values: dict[str, Any] = {
            "limit": query.limit + 1,
            "most": MAX_COUNTED,
        }
        self._conditions = SQL(" AND ").join([SQL("true"), *self._all()])

    def page(self) -> Composed:
        """The page, and one document more."""
        query, after = self._query, self._query.after
        conditions: Composable = self._conditions
        if after:
            comparison = SQL("<" if query.sort.order == "desc" else ">")
            row = SQL("({}, id) {} ({}, {})").format(
                Identifier(query.sort.field), comparison, self._value(after[0]), self._value(after[1])
            )
            conditions = SQL(" AND ").join([self._conditions, row])
        order = _ORDERS[query.sort.order]
        return statement("search_page").format(
            documents=self._documents, conditions=conditions, field=Identifier(query.sort.field), order=order
        )

    def total(self) -> Composed:
        """How many match, up to the limit."""
        return statement("search_total").format(documents=self._documents, conditions=self._conditions)

    def terms(self, wanted: Terms) -> tuple[Composed, dict[str, Any]]:
        """Counts by value."""
        made = statement("search_terms").format(
            documents=self._documents, conditions=self._conditions, field=Identifier(wanted.field)
        )
        return made, self.values | {"terms": wanted.limit}

    def histogram(self, wanted: Histogram) -> tuple[Composed, dict[str, Any]]:
        """Counts by time, one more than are allowed."""
        made = statement("search_histogram").format(
            documents=self._documents, conditions=self._conditions, start=_start(wanted)
        )
        return made, self.values | {"most": MAX_BUCKETS + 1}

    def histogram_by(self, wanted: Histogram) -> tuple[Composed, dict[str, Any]]:
        """Counts by time and value."""
        made = statement("search_histogram_by").format(
            documents=self._documents,
            conditions=self._conditions,
            start=_start(wanted),
            field=Identifier(wanted.by or ""),
        )
        return made, self.values | {"terms": wanted.limit}

    def _all(self) -> list[Composable]:
        query = self._query
        conditions: list[Composable] = []
        for name, values in query.filter.given():
            conditions.append(SQL("{} = ANY({})").format(Identifier(name), self._value(values)))
        for name, values in query.exclude.given():
            conditions.append(SQL("({} = ANY({})) IS NOT TRUE").format(Identifier(name), self._value(values)))
        for name, comparison, value in query.range.given():
            conditions.append(SQL("{} {} {}").format(Identifier(name), _COMPARISONS[comparison], self._value(value)))
        return conditions + self._words(query.text) if query.text else conditions

    def _words(self, text: Text) -> list[Composable]:
        found = [self._phrase(words) for words in text.phrases]
        if text.match == "any":
            return [SQL("({})").format(SQL(" OR ").join(found))]
        return found + ([self._matches(f"'{text.beginning}':*")] if text.beginning else [])

    def _phrase(self, words: list[str]) -> Composable:
        """The index finds documents with the words, and of several the words as they stand tell the rest: the index keeps no places."""
        held = self._matches(" & ".join(f"'{word}'" for word in dict.fromkeys(words)))
        if len(words) == 1:
            return held
        phrase = f"% {' '.join(words)} %"  # words hold no sign that LIKE knows
        return SQL("({} AND (' ' || text || ' ') LIKE {})").format(held, self._value(phrase))

    def _matches(self, condition: str) -> Composable:
        return SQL("words @@ {}::tsquery").format(self._value(condition))

    def _value(self, value: object) -> Composable:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return SQL(f"%({name})s")  # a number of ours


def _start(wanted: Histogram) -> Composed:
    """Of the stretch of time, also before 1970."""
    return SQL("floor(occurred_at / {}::numeric)::bigint * {}").format(Literal(wanted.width), Literal(wanted.width))
