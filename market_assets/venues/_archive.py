"""Downloads files of a bulk archive: patient, bounded, and believing nothing without its checksum.

Another host than the API, which counts no weight: the shared gate has no say here. Each attempt
leaves one record, of weight 0.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self, TypeVar

from market_assets.errors import (
    ArchiveCorrupt,
    GeoBlocked,
    MarketAssetsError,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from market_assets.schemas.requests import RequestRecord
from market_assets.schemas.timeline import to_text
from market_assets.venues._archive_files import ArchiveFile
from market_assets.venues._archive_rows import broken, read_zip
from market_assets.venues._http import DEFAULT_THROTTLE_SECONDS, Patience
from market_assets.venues.contract import Rows

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

ENDPOINT = "archive"
# Whole files: more of them at once fill the line and the memory, and finish no sooner.
MOST_AT_ONCE = 8

Content = TypeVar("Content")


class ArchiveClient:
    """One run's connection to one venue's archive."""

    def __init__(
        self,
        venue: str,
        base_url: str,
        *,
        run_id: str,
        record: Callable[[RequestRecord], None],
        patience: Patience | None = None,
    ) -> None:
        import httpx

        from market_assets.venues._transport import Lanes

        self.venue = venue
        self.base_url = base_url.rstrip("/")
        self.patience = patience or Patience()
        self._run_id = run_id
        self._record = record
        at_once = min(MOST_AT_ONCE, self.patience.concurrency)
        self._slots = asyncio.Semaphore(at_once)
        self._ended_by: MarketAssetsError | None = None
        secure = self.base_url.startswith("https")
        self._http = httpx.AsyncClient(
            base_url=self.base_url,
            timeout=httpx.Timeout(self.patience.timeout_seconds),
            transport=Lanes(at_once, verify=secure, proxy=self.patience.proxy),
            headers={"User-Agent": "market-assets"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def rows(self, file: ArchiveFile) -> Rows | None:
        """A file's rows once its checksum holds; None while it is not there."""
        async with self._slots:
            if self._ended_by is not None:
                raise self._ended_by  # the files that waited their turn need not try it too
            try:
                return await self._verified(file, fresh=False)
            except ArchiveCorrupt:
                # What a CDN mixes up (an old zip, a new checksum) it can have right a moment later.
                return await self._verified(file, fresh=True)
            except (VenueUnavailable, VenueThrottled, VenueRefused) as error:
                self._ended_by = error
                raise

    async def _verified(self, file: ArchiveFile, *, fresh: bool) -> Rows | None:
        def digest_in(content: bytes) -> str:
            found = re.fullmatch(rb"([0-9a-fA-F]{64})\s+\*?(\S+)\s*", content)
            if found is None or found[2].decode("utf-8", "replace") != file.name:
                raise broken(file, f"its .CHECKSUM says no SHA-256 of it: {content[:100]!r}")
            return found[1].decode().lower()

        def rows_in(content: bytes) -> Rows:
            found = hashlib.sha256(content).hexdigest()
            if found != expected:
                raise broken(
                    file,
                    f"its SHA-256 is {found}, its .CHECKSUM says {expected}"
                    f" ({len(content)} bytes came)",
                )
            return read_zip(content, file)

        expected = await self._get(file, file.checksum_path, digest_in, fresh=fresh)
        # A zip without its checksum is being published: it is not there yet either.
        if expected is None:
            return None
        return await self._get(file, file.path, rows_in, fresh=fresh)

    async def _get(
        self, file: ArchiveFile, path: str, read: Callable[[bytes], Content], *, fresh: bool
    ) -> Content | None:
        from tenacity import (
            AsyncRetrying,
            retry_if_exception,
            stop_after_attempt,
            wait_random_exponential,
        )

        backoff = wait_random_exponential(
            multiplier=self.patience.backoff_seconds, max=self.patience.max_backoff_seconds
        )

        def pause(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            if isinstance(error, VenueThrottled):
                return max(0.0, error.retry_at.timestamp() - time.time())
            return float(backoff(state))

        retrying = AsyncRetrying(
            retry=retry_if_exception(self._worth_retrying),
            stop=stop_after_attempt(self.patience.attempts),
            wait=pause,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                number = attempt.retry_state.attempt_number
                return await self._attempt(file, path, read, number, fresh=fresh)
        raise AssertionError("tenacity either returns or raises")

    def _worth_retrying(self, error: BaseException) -> bool:
        if isinstance(error, VenueThrottled):
            return (error.retry_at.timestamp() - time.time()) <= self.patience.max_pause_seconds
        return isinstance(error, VenueUnavailable)

    async def _attempt(
        self,
        file: ArchiveFile,
        path: str,
        read: Callable[[bytes], Content],
        number: int,
        *,
        fresh: bool,
    ) -> Content | None:
        import httpx

        sent_at, started = time.time(), time.perf_counter()
        status, size, outcome = 0, 0, "cancelled"
        doing = f"Asking {self.venue}'s archive for {path.rpartition('/')[2]} at {self.base_url}"
        try:
            response = await self._http.get(
                path, headers={"Cache-Control": "no-cache"} if fresh else {}
            )
            status, size = response.status_code, len(response.content)
            outcome = _outcome(status)
            if status == 404:
                return None  # not there yet, or never: a fact and no failure
            if outcome != "ok":
                self._failed(doing, response)
            outcome = "corrupt"
            content = read(response.content)
            outcome = "ok"
            return content
        except httpx.TimeoutException as error:
            outcome = "timeout"
            raise self._unavailable(
                doing, f"no answer in {self.patience.timeout_seconds:g} s"
            ) from error
        except httpx.ConnectError as error:
            outcome = "unreachable"
            through = f" through the proxy {self.patience.proxy}" if self.patience.proxy else ""
            raise self._unavailable(doing, f"cannot connect{through} ({error})") from error
        except httpx.TransportError as error:
            outcome = "cut"
            raise self._unavailable(doing, f"connection cut ({type(error).__name__})") from error
        finally:
            self._record(
                RequestRecord(
                    at=datetime.fromtimestamp(sent_at, UTC),
                    venue=self.venue,
                    endpoint=ENDPOINT,
                    symbol=file.symbol,
                    status=status,
                    outcome=outcome,
                    latency_ms=round((time.perf_counter() - started) * 1000, 3),
                    weight=0,
                    attempt=number,
                    bytes=size,
                    run_id=self._run_id,
                )
            )

    def _failed(self, doing: str, response: httpx.Response) -> NoReturn:
        status = response.status_code
        if status == 429:
            told = response.headers.get("retry-after", "")
            until = time.time() + (float(told) if told.isdigit() else DEFAULT_THROTTLE_SECONDS)
            raise VenueThrottled(
                doing,
                f"HTTP 429: the archive wants no requests until {to_text(int(until) * 1000)} UTC",
                "Run again after that; what is done is kept",
                retry_at=datetime.fromtimestamp(until, UTC),
                venue=self.venue,
            )
        if status >= 500:
            raise self._unavailable(doing, f"HTTP {status}")
        check = f"Check that venues.{self.venue}.archive_url is an archive of this kind"
        if status in (403, 451):
            # A bucket that may not be listed answers so for a file that is not there, too.
            raise GeoBlocked(
                doing,
                f"HTTP {status}: this address is not served ({response.text[:200].strip()})",
                f"{check} and serves this network; --source rest asks the API",
                venue=self.venue,
                status=status,
            )
        raise VenueRefused(doing, f"the archive refuses: HTTP {status}", check, venue=self.venue)

    def _unavailable(self, doing: str, problem: str) -> VenueUnavailable:
        return VenueUnavailable(
            doing,
            problem,
            f"Check that venues.{self.venue}.archive_url is right and answers, then run again;"
            " --source rest asks the API",
            venue=self.venue,
        )


def _outcome(status: int) -> str:
    """What ops.requests calls an answer with this status; nothing there is an answer like any."""
    if status in (200, 404):
        return "ok"
    if status == 429:
        return "throttled"
    if status in (403, 451):
        return "geo_blocked"
    return "server_error" if status >= 500 else "refused"
