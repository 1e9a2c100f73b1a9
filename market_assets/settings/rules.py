"""Rules of values that a type cannot say; each failure carries what is allowed and the fix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Hashable, Mapping
from datetime import date, datetime, time
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

SYMBOL = re.compile(r"[A-Z0-9]{1,20}(USDT|USDC|USD)")
SYMBOL_ALLOWED = "capital letters and digits that end in USDT, USDC or USD, as in BTCUSDT"
URL_ALLOWED = "http:// or https:// with a host, and no user, query or fragment"
DAY_ALLOWED = "a day as YYYY-MM-DD"
TIME_ALLOWED = "a time as HH:MM"

Item = TypeVar("Item", bound=Hashable)


def check_symbol(symbol: str) -> str:
    if SYMBOL.fullmatch(symbol):
        return symbol
    # the venues' own spellings: btc-usdt, BTC/USDT:USDT, BTC-USDT-SWAP, and the base alone
    plain = re.sub(r":.*$|[-_]?(SWAP|PERP)$", "", symbol.strip().upper())
    plain = re.sub(r"[^A-Z0-9]", "", plain)
    guess = plain if SYMBOL.fullmatch(plain) else f"{plain}USDT"
    raise refusal(
        "not a canonical symbol",
        allowed=SYMBOL_ALLOWED,
        fix=f"write {guess}" if SYMBOL.fullmatch(guess) and plain else "write it as in BTCUSDT",
    )


def check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # a port out of range raises here
    except ValueError as error:
        raise refusal(
            f"not a URL: {error}", allowed=URL_ALLOWED, fix="write it as in https://host:8443"
        ) from error
    if "://" not in url and re.fullmatch(r"[\w.-]+(:\d+)?(/\S*)?", url):
        raise refusal("a URL without its scheme", allowed=URL_ALLOWED, fix=f"write https://{url}")
    if parts.username is not None or parts.password is not None:
        raise refusal(
            "it carries a user or a password",
            allowed=URL_ALLOWED,
            fix="remove what is before the @",
        )
    if parts.scheme not in {"http", "https"} or not host or re.search(r"\s", url):
        raise refusal(
            "not a URL", allowed=URL_ALLOWED, fix="write it as in https://fapi.binance.com"
        )
    if parts.query or parts.fragment:
        raise refusal(
            "it has a query or a fragment",
            allowed=URL_ALLOWED,
            fix=f"write {re.split('[?#]', url)[0]}",
        )
    return url.rstrip("/")


def check_day(day: object) -> object:
    """pydantic would read 20240101 as seconds since 1970; only a written day is taken."""
    if day is None or (isinstance(day, date) and not isinstance(day, datetime)):
        return day
    if isinstance(day, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", day):
        try:
            return date.fromisoformat(day)
        except ValueError as error:
            raise refusal(
                f"no such day: {error}", allowed=DAY_ALLOWED, fix="correct the month or the day"
            ) from error
    raise refusal("not a day", allowed=DAY_ALLOWED, fix="write it as in 2024-01-01")


def check_time(moment: object) -> object:
    """pydantic would read 1320 as seconds since midnight, and take a zone of the time's own."""
    if moment is None or (isinstance(moment, time) and moment.tzinfo is None):
        return moment
    if isinstance(moment, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", moment):
        return time.fromisoformat(moment)
    raise refusal("not a time of day", allowed=TIME_ALLOWED, fix="write it as in 22:00")


def name_rule(pattern: str, allowed: str, example: str) -> Callable[[str], str]:
    """A check of names that says what a name looks like, where a bare pattern would not."""

    def check(name: str) -> str:
        if re.fullmatch(pattern, name):
            return name
        raise refusal("not a name", allowed=allowed, fix=f"write a name, as in {example}")

    return check


def only_known(given: Any, known: Collection[str], what: str) -> Any:
    """The keys of a mapping that somebody typed, each the name of a thing that exists."""
    for name in given if isinstance(given, Mapping) else ():
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            raise refusal(
                f"there is no such {what}",
                allowed=", ".join(known),
                fix=f"write {near[0]}" if near else f"remove {name!r}",
            )
    return given


def without_repeats(items: tuple[Item, ...]) -> tuple[Item, ...]:
    repeated = sorted({str(item) for item in items if items.count(item) > 1})
    if repeated:
        names = ", ".join(repeated)
        raise refusal(
            f"{names} is there more than once", allowed="each name once", fix=f"keep one {names}"
        )
    return items


def refusal(what: str, *, allowed: str, fix: str) -> PydanticCustomError:
    # braces in the text would be read as a template
    text = what.replace("{", "(").replace("}", ")")
    return PydanticCustomError("refused", text, {"allowed": allowed, "fix": fix})
