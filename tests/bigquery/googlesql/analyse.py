"""Every statement of a log, judged: JSON lines on stdin, one list of faults in JSON on stdout.

A line is {"sql", "project", "dataset", "tables": [{"path", "fields", "required"}], "parameters"}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from catalogue import Catalogue, type_of
from language import language
from rules import broken
from script import Piece, pieces
from service import Refused, Service
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as messages
from zetasql.wasi._pb2.zetasql.proto import options_pb2
from zetasql.wasi._pb2.zetasql.public import options_pb2 as public
from zetasql.wasi._pb2.zetasql.public import type_pb2


def main() -> None:
    lines = [json.loads(line) for line in sys.stdin if line.strip()]
    faults = Analyser().judge(lines)
    json.dump({"judged": len(lines), "faults": faults}, sys.stdout)


class Analyser:
    def __init__(self) -> None:
        self._service = Service()
        self._language = language()

    def judge(self, lines: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
        """What is wrong with which statement; statements that agree on their tables share a
        catalogue, because making one costs more than judging with it."""
        groups: list[tuple[Catalogue, list[dict[str, Any]]]] = []
        for line in lines:
            tables = {tuple(table["path"]): table["fields"] for table in line["tables"]}
            for catalogue, members in groups:
                if catalogue.takes(line["project"], line.get("dataset"), tables):
                    members.append(line)
                    break
            else:
                catalogue = Catalogue(self._language)
                catalogue.takes(line["project"], line.get("dataset"), tables)
                groups.append((catalogue, [line]))
        found = []
        for catalogue, members in groups:
            ids = {"": self._service.register(catalogue.request())}
            for line in members:
                try:
                    problems = list(self._of_line(line, catalogue, ids))
                except Refused as refused:
                    problems = [str(refused)]
                found.extend({"sql": line["sql"], "problem": problem} for problem in problems)
        return found

    def _of_line(
        self, line: dict[str, Any], catalogue: Catalogue, ids: dict[str, int]
    ) -> Iterable[str]:
        required = {
            ".".join(table["path"]): table["required"]
            for table in line["tables"]
            if table.get("required")
        }
        parts = list(pieces(self._service, line["sql"], self._language))
        variables: dict[str, type_pb2.TypeProto] = {}
        for part in parts:
            if part.declares:
                kind = self._declared(part, line, self._registered(catalogue, ids, variables))
                variables.update(dict.fromkeys(part.declares, kind))
                continue
            missing = [name for name in part.assigns if name not in variables]
            if missing:
                yield f"Undeclared variable: {missing[0]}"
            registered = self._registered(catalogue, ids, variables)
            answer = self._analyze(part.sql, line, registered)
            yield from broken(answer.resolved_statement, required)

    def _registered(
        self, catalogue: Catalogue, ids: dict[str, int], variables: dict[str, type_pb2.TypeProto]
    ) -> int:
        key = "" if not variables else json.dumps({n: str(k) for n, k in variables.items()})
        if key not in ids:
            catalogue.variables = dict(variables)
            ids[key] = self._service.register(catalogue.request())
        return ids[key]

    def _declared(self, part: Piece, line: dict[str, Any], registered: int) -> type_pb2.TypeProto:
        default = part.default or "NULL"
        value = f"CAST({default} AS {part.kind})" if part.kind else default
        answer = self._analyze(f"SELECT {value} AS value", line, registered)
        query = answer.resolved_statement.resolved_query_stmt_node
        return query.output_column_list[0].column.type

    def _analyze(self, sql: str, line: dict[str, Any], registered: int) -> messages.AnalyzeResponse:
        options = options_pb2.AnalyzerOptionsProto(
            language_options=self._language,
            default_timezone="UTC",
            error_message_mode=public.ERROR_MESSAGE_ONE_LINE,
        )
        for parameter in line.get("parameters", ()):
            if parameter.get("name"):
                options.query_parameters.add(name=parameter["name"], type=type_of(parameter))
            else:
                options.parameter_mode = options_pb2.PARAMETER_POSITIONAL
                options.positional_query_parameters.append(type_of(parameter))
        request = messages.AnalyzeRequest(
            options=options, registered_catalog_id=registered, sql_statement=sql
        )
        try:
            return self._service.analyze(request)
        except Refused as refused:
            raise Refused(f"{refused} in: {sql}") from refused


if __name__ == "__main__":
    main()
