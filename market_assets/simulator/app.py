"""The HTTP side: finds the venue, applies limits and faults, and sends the answer."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from market_assets.errors import SettingsInvalid
from market_assets.simulator.answers import Answer, Endpoint, Page, Params, Refused, json_answer
from market_assets.simulator.clock import SimulatedClock
from market_assets.simulator.config import SimulatorConfig
from market_assets.simulator.control import changed_config
from market_assets.simulator.exchanges import Exchanges, limits_of
from market_assets.simulator.faults import FaultPlan, http_fault, wrong_type
from market_assets.simulator.instruments import VENUES
from market_assets.simulator.stats import VenueStats
from market_assets.simulator.truth import TruthRefused
from market_assets.simulator.wire.archive import ARCHIVE

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_NO_PARAMS: Final[dict[str, str]] = {}


class SimulatorApp:
    """An ASGI application; one event loop, so nothing here needs a lock."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.clock = SimulatedClock(config.clock)
        self.stats = {venue: VenueStats() for venue in VENUES}
        self._exchanges = Exchanges(config, self.clock)
        self._limits = limits_of(config, self.stats)
        self._faults = FaultPlan(config.seed, config.faults)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        query: bytes = scope["query_string"]
        params = dict(parse_qsl(query.decode(), keep_blank_values=True)) if query else _NO_PARAMS
        venue, _, rest = path[1:].partition("/")
        if venue in VENUES:
            await self._venue(venue, f"/{rest}", params, scope["method"], send)
        elif path == "/":
            await _send(send, self._index(), {})
        elif venue == "truth":
            await _send(send, self._truth(rest, params), {})
        elif path == "/control" and scope["method"] == "POST":
            await _send(send, self._control(await _body(receive)), {})
        else:
            await _send(send, json_answer({"error": f"nothing is at {path}"}, 404), {})

    async def _venue(self, venue: str, path: str, params: Params, method: str, send: Send) -> None:
        stats = self.stats[venue]
        endpoint = self._endpoint(venue, path)
        limits = self._limits[venue]
        # Files come from a host of their own: it knows no weight, and no outage of the exchange.
        archived = endpoint is not None and endpoint.kind == ARCHIVE
        if archived:
            stats.archive_requests += 1
        else:
            stats.requests += 1
            stats.by_path[path] += 1
        fault: str | None = None
        number = stats.requests
        if endpoint is None or method != "GET":
            answer: Answer = json_answer({"code": -5000, "msg": f"Path {path}, not found"}, 404)
        elif not archived and self._exchanges.market.defects.down(venue, self.clock.now(venue)):
            answer = http_fault(503, self._exchanges.twins[venue].said)
        else:
            refusal = None if archived else limits.refuse(endpoint, params)
            if refusal is not None:
                answer = refusal
            else:
                fault, number = self._faults.begin(venue, endpoint)
                try:
                    answer, fault = self._answered(venue, endpoint, params, fault, number)
                except Exception:
                    # A mistake of the simulator must not pass for one of its faults.
                    traceback.print_exc()
                    answer = Answer(500, b"the simulator itself failed", "text/plain")
        if fault is not None:
            stats.faults[fault] += 1
        delay = self._faults.latency_seconds(venue, number, self.config.latency_ms)
        if fault == "timeout":
            delay += self.config.faults.timeout_seconds
        # Before the wait: whoever hangs up in between has still been answered.
        stats.by_status[str(answer.status)] += 1
        headers = {} if archived else limits.headers()
        if delay > 0.0:
            await asyncio.sleep(delay)
        await _send(send, answer, headers, cut=fault == "cut_connection")

    def _endpoint(self, venue: str, path: str) -> Endpoint | None:
        archive = self._exchanges.archives.get(venue)
        if archive is not None and path.startswith(f"/{ARCHIVE}/"):
            return archive.endpoint(path)
        return self._exchanges.endpoints[venue].get(path)

    def _answered(
        self, venue: str, endpoint: Endpoint, params: Params, fault: str | None, number: int
    ) -> tuple[Answer, str | None]:
        """The answer, and the fault it really has."""
        if fault is not None and fault.startswith("http_"):
            status = int(fault.removeprefix("http_"))
            wait = self.config.faults.retry_after
            if status == 429:
                return self._limits[venue].throttle(wait), fault
            if status == 418:
                return self._limits[venue].ban(wait), fault
            return http_fault(status, self._exchanges.twins[venue].said), fault
        if fault == "wrong_type":
            return wrong_type(), fault
        if fault == "okx_code":
            said = self._exchanges.twins[venue].said_under_200
            if said is None:
                return self._answered(venue, endpoint, params, None, number)
            return json_answer(said), fault
        try:
            content = endpoint.respond(params, self.clock.now(venue))
        except Refused as refusal:
            return refusal.answer, None
        if isinstance(content, Page):
            if fault is not None and fault not in ("timeout", "cut_json", "cut_connection"):
                spoiled = self._faults.spoil(fault, venue, number, content)
                fault = None if spoiled is None else fault
                content = content if spoiled is None else spoiled
            content = content.answer()
        elif fault is not None and fault not in ("timeout", "cut_json", "cut_connection"):
            fault = None
        if fault == "cut_json":
            body = content.body
            content = Answer(200, body[: max(len(body) * 2 // 3, 1)], content.content_type)
        return content, fault

    def _index(self) -> Answer:
        """For whoever clicks the address that the demo prints."""
        paths = {
            venue: [f"/{venue}{path}" for path in endpoints]
            for venue, endpoints in self._exchanges.endpoints.items()
        }
        return json_answer({"simulated": paths, "requests so far": "/truth/stats"})

    def _truth(self, rest: str, params: Params) -> Answer:
        if rest == "stats":
            return json_answer({venue: stats.as_json() for venue, stats in self.stats.items()})
        venue, _, what = rest.partition("/")
        try:
            return json_answer(self._exchanges.truth.answer(venue, what, params))
        except TruthRefused as problem:
            return json_answer({"error": str(problem)}, 400)

    def _control(self, body: bytes) -> Answer:
        try:
            change = changed_config(self.config, orjson.loads(body))
        except (SettingsInvalid, orjson.JSONDecodeError) as problem:
            return json_answer({"error": str(problem)}, 400)
        self.config = change.config
        if "clock" in change.sections:
            self.clock.set(change.config.clock)
        if change.advance_ms:
            self.clock.advance(change.advance_ms)
        if "faults" in change.sections:
            self._faults = FaultPlan(change.config.seed, change.config.faults)
        if change.rebuild:
            self._exchanges = Exchanges(change.config, self.clock)
        if "limits" in change.sections:
            self._limits = limits_of(change.config, self.stats)
        if change.reset_stats:
            for stats in self.stats.values():
                stats.reset()
        return json_answer({"ok": True, "now": {v: self.clock.now(v) for v in VENUES}})


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        piece: bytes = message.get("body", b"")
        body += piece
        if not message.get("more_body"):
            return body


async def _send(send: Send, answer: Answer, headers: dict[str, str], *, cut: bool = False) -> None:
    body = answer.body
    sent = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    sent += [(name.lower().encode(), text.encode()) for name, text in headers.items()]
    sent += [(name.lower().encode(), text.encode()) for name, text in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": sent})
    if cut:
        # Half of what was announced; returning without the end makes the server hang up.
        half = body[: len(body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        return
    await send({"type": "http.response.body", "body": body})
