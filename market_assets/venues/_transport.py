"""Many connections at little cost: requests spread over several small connection pools.

httpcore looks at every connection of a pool for every request, so that 50 connections in one pool
cost more CPU than the requests themselves (measured: 1.2 of 2.8 s). Imports httpx: load it late.
"""

from __future__ import annotations

import httpx

CONNECTIONS_PER_LANE = 6


class Lanes(httpx.AsyncBaseTransport):
    """Sends each request by the lane that has the fewest on the way."""

    def __init__(self, connections: int, *, verify: bool, proxy: str | None = None) -> None:
        lanes = -(-connections // CONNECTIONS_PER_LANE)
        limits = httpx.Limits(
            max_connections=CONNECTIONS_PER_LANE, max_keepalive_connections=CONNECTIONS_PER_LANE
        )
        self._lanes = [
            httpx.AsyncHTTPTransport(verify=verify, limits=limits, proxy=proxy)
            for _ in range(lanes)
        ]
        self._busy = [0] * lanes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        # The first one that is free: idle connections of the others need not be opened.
        lane = min(
            range(len(self._lanes)),
            key=lambda number: (self._busy[number] >= CONNECTIONS_PER_LANE, number),
        )
        self._busy[lane] += 1
        try:
            response = await self._lanes[lane].handle_async_request(request)
            # Read to the end here, so that the lane counts as busy until it is free again.
            await response.aread()
            return response
        finally:
            self._busy[lane] -= 1

    async def aclose(self) -> None:
        for lane in self._lanes:
            await lane.aclose()
