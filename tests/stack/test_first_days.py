"""Following a backfill: what is asked of a webserver, which here is a server that only answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from market_assets.stack import queries
from market_assets.stack.dagster_api import DagsterApi
from market_assets.stack.first_days import FirstDays

KEYS = ("2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21")
ASSETS: tuple[tuple[str, str], ...] = (("marts", "ohlcv"), ("marts", "daily_ohlcv"))
# The next one without a reason is ten seconds later: much longer than this takes.
LOOK_SECONDS = 0.5


class Webserver:
    """One backfill with one run, which goes on for so many questions and then has brought all."""

    def __init__(self, questions: int) -> None:
        self.goes_on = questions
        self.asked: list[str] = []
        self.known: tuple[tuple[str, str], ...] = ASSETS
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps({"data": {"found": answer(given["query"])}}).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def _answer(self, query: str) -> Any:
        self.asked.append(query)
        if query == queries.ASSETS:
            return [
                {
                    "assetKey": {"path": key},
                    "groupName": "core",
                    "isPartitioned": True,
                    "dependencyKeys": [],
                }
                for key in ASSETS
            ]
        if query == queries.PARTITIONS:
            return {
                "partitionKeysByDimension": [{"partitionKeys": KEYS}],
                "assetPartitionStatuses": {"ranges": []},
            }
        if query == queries.STATUSES:
            time.sleep(LOOK_SECONDS)
            return [self._statuses(key) for key in self.known]
        if query == queries.BACKFILL_STATUS:
            return {"status": "REQUESTED"}
        assert query == queries.RUN_STATUSES
        self.goes_on -= 1
        return {"results": [{"runId": "r", "status": "STARTED" if self.goes_on else "SUCCESS"}]}

    def _statuses(self, key: tuple[str, ...]) -> dict[str, Any]:
        done = {"status": "MATERIALIZED", "startKey": KEYS[0], "endKey": KEYS[-1]}
        ranges = [] if self.goes_on > 0 else [done]
        return {"assetKey": {"path": key}, "assetPartitionStatuses": {"ranges": ranges}}


@pytest.fixture
def webserver() -> Iterator[Webserver]:
    found = Webserver(questions=4)
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_partitions_are_looked_at_when_a_run_moves_and_not_each_second(
    webserver: Webserver,
) -> None:
    days = FirstDays(DagsterApi(webserver.url), "marts", backfill="b")
    shown: list[int] = []
    days.follow(lambda done: shown.append(sum(done.values())))
    assert webserver.asked.count(queries.RUN_STATUSES) == 4
    # When it is first seen and when it has ended; all assets in one question.
    assert webserver.asked.count(queries.STATUSES) == 2
    assert shown == [0, len(ASSETS) * len(KEYS)]
    assert days.complete


def test_an_asset_that_dagster_says_nothing_of_is_missing(webserver: Webserver) -> None:
    webserver.known, webserver.goes_on = ASSETS[:1], 0
    days = FirstDays(DagsterApi(webserver.url), "marts")
    days.look()
    assert days.missing == {ASSETS[0]: (), ASSETS[1]: KEYS}
    assert not days.complete
