"""A text of several statements taken apart by the analyser's own parser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from service import Service
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as messages
from zetasql.wasi._pb2.zetasql.proto import options_pb2

# Blocks whose statements are judged one by one, and their conditions as questions.
_BLOCKS = (
    "ASTIfStatementProto", "ASTBeginEndBlockProto", "ASTWhileStatementProto",
    "ASTRepeatStatementProto", "ASTCaseStatementProto", "ASTForInStatementProto",
    "ASTElseifClauseProto", "ASTElseifClauseListProto", "ASTExceptionHandlerProto",
    "ASTExceptionHandlerListProto", "ASTStatementListProto", "ASTScriptProto",
    "ASTUntilClauseProto", "ASTWhenThenClauseProto", "ASTWhenThenClauseListProto",
)  # fmt: skip
_NOTHING_TO_RESOLVE = (
    "ASTRaiseStatementProto", "ASTReturnStatementProto", "ASTBreakStatementProto",
    "ASTContinueStatementProto",
)  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """One statement; `declares` names the variables that it brings, with the text of their type."""

    sql: str
    declares: tuple[str, ...] = ()
    kind: str | None = None
    default: str | None = None
    assigns: tuple[str, ...] = ()


def pieces(
    service: Service, sql: str, language: options_pb2.LanguageOptionsProto
) -> Iterator[Piece]:
    request = messages.ParseRequest(sql_statement=sql, allow_script=True, options=language)
    text = sql.encode()
    yield from _walk(service.parse(request).parsed_script, text)


def _walk(node: Message, text: bytes) -> Iterator[Piece]:
    for field, value in node.ListFields():
        if field.message_type is None or field.name == "parent":
            continue
        for inner in value if field.is_repeated else (value,):
            yield from _piece(_innermost(inner), field.name, text)


def _piece(node: Message, role: str, text: bytes) -> Iterator[Piece]:
    name = type(node).__name__
    if name in _BLOCKS:
        yield from _walk(node, text)
    elif name == "ASTVariableDeclarationProto":
        found: Any = node
        kind = _text(_innermost(found.type), text) if found.HasField("type") else None
        has_default = found.HasField("default_value")
        default = _text(_innermost(found.default_value), text) if has_default else None
        names = tuple(item.id_string for item in found.variable_list.identifier_list)
        yield Piece(_text(node, text), declares=names, kind=kind, default=default)
    elif name == "ASTAssignmentFromStructProto":
        found = node
        names = tuple(item.id_string for item in found.variables.identifier_list)
        yield Piece(_text(_innermost(found.struct_expression), text), assigns=names)
    elif name == "ASTSingleAssignmentProto":
        found = node
        yield Piece(f"SELECT {_text(_innermost(found.expression), text)}")
    elif name.endswith("StatementProto") and name not in _NOTHING_TO_RESOLVE:
        yield Piece(_text(node, text))
    elif role in ("condition", "expression"):
        yield Piece(f"SELECT {_text(node, text)}")


def _innermost(node: Message) -> Message:
    """What a protocol buffer says is one of many kinds, as that kind."""
    while True:
        set_fields = [(f, v) for f, v in node.ListFields() if f.name != "parent"]
        single = len(set_fields) == 1 and set_fields[0][0].containing_oneof is not None
        if not single or set_fields[0][0].message_type is None:
            return node
        node = set_fields[0][1]


def _text(node: Message, text: bytes) -> str:
    start, end = _range(node)
    return text[start:end].decode()


def _range(node: Message) -> tuple[int, int]:
    while True:
        for field, value in node.ListFields():
            if field.name == "parse_location_range":
                return value.start, value.end
        node = node.parent  # type: ignore[attr-defined]
