r"""A backslash that is escaped is no escape: '\\u2014' is six characters, and no dash.

https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#escape_sequences. The parser
reads the escapes of a literal; the emulator reads them in what comes out of that once more.
"""

from __future__ import annotations

from local_bigquery.sql.rules import NODE_RULES
from local_bigquery.sql.rules.strings import string_escapes


def read_once() -> None:
    NODE_RULES.remove(string_escapes)
