"""Every error that market-assets raises on purpose, as one tree.

MarketAssetsError
├── Transient                      asking again later can succeed
│   ├── VenueUnavailable           no usable answer: timeout, 5xx, cut connection, malformed body
│   │   └── CircuitOpen            too many failures in a row: nobody asks until the stated time
│   ├── ArchiveCorrupt             a bulk file that is not what its checksum says, or no zip
│   ├── VenueThrottled             the venue (or our own budget) says wait: 429, 418
│   ├── WarehouseBusy              another writer holds the warehouse longer than we wait
│   └── NotReady                   a process of the stack did not become usable in time
├── Terminal                       the same call fails again: something has to change first
│   ├── SettingsInvalid            platform.yaml or the environment
│   ├── RequestInvalid             what was asked makes no sense (dates, dataset, interval, SQL)
│   │   ├── QueryTooLarge          a query would bill more than one may
│   │   └── NothingStored          the store that was to be read was never written to
│   ├── BudgetExhausted            the day's money is spent: what can wait waits
│   ├── SymbolUnknown              the venue does not know the symbol
│   ├── VenueRefused               the venue rejects the request (4xx, error code)
│   │   └── GeoBlocked             451/403: this address is not served
│   ├── WarehouseUnwritable        disk full, read-only folder
│   ├── FolderUnusable             the same of any other folder, or a file in its place
│   ├── WarehouseDamaged           the store does not hold what it should
│   ├── CopyDiffers                what was copied to another store is not what was read
│   ├── StackRunning               another start of the same state folder is alive
│   ├── PortTaken                  nothing can listen where the stack should
│   ├── ProcessDied                a process of the stack does not stay up
│   ├── DagsterRefused             the running Dagster answered with an error
│   └── MartsFailed                dbt could not build the marts, or a test of them failed
└── IntervalsMissing               finished, what was found is kept, but intervals are still missing

Each carries what was being done, the facts, and what to do next; its type says whether to retry.
`exit_code` is what the command line ends with, so that scripts can tell the kinds apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_MISSING = 3
EXIT_VENUE_UNAVAILABLE = 4
EXIT_VENUE_REFUSED = 5
EXIT_WAREHOUSE = 6
EXIT_STACK = 7
EXIT_MARTS = 8
EXIT_BUDGET = 9
EXIT_INTERRUPTED = 130


class MarketAssetsError(Exception):
    """What was being done, what happened, and what to do next, in one message."""

    exit_code = EXIT_BUG
    retryable = False

    def __init__(self, doing: str, problem: str, action: str, **facts: object) -> None:
        self.doing = doing
        self.problem = problem
        self.action = action
        self.facts = facts
        super().__init__(doing, problem, action)

    def __str__(self) -> str:
        return f"{self.doing}: {self.problem}\n  -> {self.action}"


class Transient(MarketAssetsError):
    """Asking again later can succeed."""

    retryable = True


class Terminal(MarketAssetsError):
    """The same call fails again: something has to change first."""


class VenueUnavailable(Transient):
    exit_code = EXIT_VENUE_UNAVAILABLE


class CircuitOpen(VenueUnavailable):
    pass


class VenueThrottled(Transient):
    exit_code = EXIT_VENUE_UNAVAILABLE

    def __init__(
        self, doing: str, problem: str, action: str, *, retry_at: datetime, **facts: object
    ) -> None:
        self.retry_at = retry_at
        super().__init__(doing, problem, action, retry_at=retry_at, **facts)


class ArchiveCorrupt(Transient):
    exit_code = EXIT_VENUE_UNAVAILABLE


class WarehouseBusy(Transient):
    exit_code = EXIT_WAREHOUSE


class SettingsInvalid(Terminal):
    exit_code = EXIT_USAGE


class RequestInvalid(Terminal):
    exit_code = EXIT_USAGE


class QueryTooLarge(RequestInvalid):
    pass


class NothingStored(RequestInvalid):
    """Nobody has ever written to the store."""


class BudgetExhausted(Terminal):
    exit_code = EXIT_BUDGET


class SymbolUnknown(Terminal):
    exit_code = EXIT_USAGE


class VenueRefused(Terminal):
    exit_code = EXIT_VENUE_REFUSED


class GeoBlocked(VenueRefused):
    pass


class WarehouseUnwritable(Terminal):
    exit_code = EXIT_WAREHOUSE


class FolderUnusable(Terminal):
    exit_code = EXIT_WAREHOUSE


class WarehouseDamaged(Terminal):
    exit_code = EXIT_WAREHOUSE


class CopyDiffers(Terminal):
    exit_code = EXIT_WAREHOUSE


class NotReady(Transient):
    exit_code = EXIT_STACK


class StackRunning(Terminal):
    exit_code = EXIT_STACK


class PortTaken(Terminal):
    exit_code = EXIT_STACK


class ProcessDied(Terminal):
    exit_code = EXIT_STACK


class DagsterRefused(Terminal):
    exit_code = EXIT_STACK


class MartsFailed(Terminal):
    exit_code = EXIT_MARTS


class IntervalsMissing(MarketAssetsError):
    """Everything found is stored; `intervals` names what is not, one line each."""

    exit_code = EXIT_MISSING
    retryable = True

    def __init__(
        self, doing: str, problem: str, action: str, *, intervals: Sequence[str], **facts: object
    ) -> None:
        self.intervals = tuple(intervals)
        super().__init__(doing, problem, action, **facts)
