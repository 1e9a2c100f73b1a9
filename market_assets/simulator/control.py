"""Changes at run time: what POST /control may contain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from market_assets.simulator.config import ARCHIVE_FAULTS, FaultsConfig, SimulatorConfig
from market_assets.simulator.reading import invalid

_SECTIONS: Final = ("clock", "limits", "faults", "instruments", "latency_ms")
# These make another market; everything computed before is then void.
_MARKET_FAULTS: Final = (
    "zombie_candles",
    "no_trade_rate",
    "lost_rate",
    "flat_rate",
    "outages",
    "corrections",
    "divergence",
    *ARCHIVE_FAULTS,
    "archive_differs",
)


@dataclass(frozen=True, slots=True)
class Change:
    """The configuration after a change, and what has to follow from it."""

    config: SimulatorConfig
    sections: frozenset[str]
    rebuild: bool
    advance_ms: int
    reset_stats: bool


def changed_config(config: SimulatorConfig, given: object) -> Change:
    """Sections merge into what is set; null resets one. `corrections` may stand on its own."""
    if not isinstance(given, Mapping):
        raise invalid("control", "a mapping is needed")
    plain: dict[str, Any] = dict(given)
    reset_stats = bool(plain.pop("reset_stats", False))
    if "corrections" in plain:
        plain["faults"] = {**(plain.get("faults") or {}), "corrections": plain.pop("corrections")}
    advance_ms = 0
    clock = plain.get("clock")
    if isinstance(clock, Mapping) and "advance_ms" in clock:
        rest = {key: value for key, value in clock.items() if key != "advance_ms"}
        advance_ms = int(clock["advance_ms"])
        if rest:
            plain["clock"] = rest
        else:
            del plain["clock"]
    after = config
    for section, content in plain.items():
        if section not in _SECTIONS:
            raise invalid("control", f"unknown key {section}; known are {', '.join(_SECTIONS)}")
        after = after.changed(section, content)
    rebuild = "instruments" in plain or _market(config.faults) != _market(after.faults)
    return Change(after, frozenset(plain), rebuild, advance_ms, reset_stats)


def _market(faults: FaultsConfig) -> tuple[object, ...]:
    return tuple(getattr(faults, name) for name in _MARKET_FAULTS)
