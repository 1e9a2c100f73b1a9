"""Text in GoogleSQL: BigQuery's strings know backslashes, ours do not, so each crosses a border."""

from __future__ import annotations

import re

import pytest
import sqlglot
from hostile_support import PIECES, hostile
from hypothesis import example, given, settings
from sqlglot import exp

from market_assets.schemas.datasets import OHLCV
from market_assets.warehouse.bigquery.dialect import Translator
from market_assets.warehouse.bigquery.literals import string
from market_assets.warehouse.bigquery.names import Names, quoted
from market_assets.warehouse.outcomes import of_series
from market_assets.warehouse.sql import literal

ALL_OF_IT = "".join(PIECES)
# https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#escape_sequences
ESCAPE = re.compile(r"\\(?:U([0-9a-fA-F]{8})|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
CONTROLS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
PLAIN = CONTROLS | {sign: sign for sign in "\\'\"`?"}


def as_googlesql_reads(written: str) -> str:
    """One string literal, read by the lexical rules of GoogleSQL and nothing of ours."""
    assert written[0] == written[-1] == "'"
    inside = written[1:-1]
    assert not re.search(r"[\n\r]", inside), "a line may not end in it"
    assert "'" not in ESCAPE.sub("", inside), "it ends where it seems to end"
    assert "\\" not in ESCAPE.sub("", inside)

    def one(found: re.Match[str]) -> str:
        code = found[1] or found[2] or found[3]
        return chr(int(code, 16)) if code else PLAIN[found[4]]

    return ESCAPE.sub(one, inside)


@given(text=hostile)
@example(text=ALL_OF_IT)
def test_a_text_written_into_googlesql_is_read_back_as_it_was(text: str):
    assert as_googlesql_reads(string(text)) == text


@settings(deadline=None, max_examples=60)
@given(text=hostile)
@example(text=ALL_OF_IT)
def test_a_question_with_text_in_it_is_one_question_with_that_text(text: str):
    """Our SQL is DuckDB's, where a backslash is one; the translation must make it two."""
    translated = Translator(Names("acme-data", "m_")).query(
        f"SELECT symbol FROM lake.ops.coverage WHERE venue = {literal(text)}"
    )
    [tree] = sqlglot.parse(translated, dialect="bigquery")
    assert isinstance(tree, exp.Select)
    [found] = [one for one in tree.find_all(exp.Literal) if one.is_string]
    assert found.this == text
    [written] = re.findall(r"= ('.*')", translated, re.DOTALL)
    assert as_googlesql_reads(written) == text


@settings(deadline=None, max_examples=60)
@given(text=hostile)
def test_a_series_of_any_symbol_stays_one_predicate(text: str):
    where = of_series("binance", OHLCV, "1h", [text])
    translated = Translator(Names("acme-data")).query(
        f"SELECT symbol FROM lake.ops.coverage WHERE {where}"
    )
    [tree] = sqlglot.parse(translated, dialect="bigquery")
    strings = {one.this for one in tree.find_all(exp.Literal) if one.is_string}
    assert f"binance|ohlcv|1h|{text}" in strings
    assert len(list(tree.find_all(exp.Select))) == 1


@given(text=hostile)
def test_a_name_is_plain_or_refused(text: str):
    try:
        written = quoted(f"p.{text}.t")
    except ValueError:
        return
    assert re.fullmatch(r"`p\.[A-Za-z0-9_:.-]+\.t`", written)


@pytest.mark.parametrize("name", ["p.d`; DROP TABLE x; --.t", "p.d.t x", "p..t", "p.d.\u00e9"])
def test_a_name_that_is_none_is_refused(name: str):
    with pytest.raises(ValueError, match="no name of a table"):
        quoted(name)
