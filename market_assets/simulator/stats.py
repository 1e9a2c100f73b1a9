"""What the venues saw: counts that the tests check the client's manners with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields


@dataclass
class VenueStats:
    """The counts of one venue since the last reset."""

    requests: int = 0
    archive_requests: int = 0  # of another host: in none of the other counts but status and faults
    weight_used: int = 0
    max_weight: int = 0
    requests_during_ban: int = 0
    requests_during_throttle: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    by_path: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def weight(self, amount: int, used_in_window: int) -> None:
        self.weight_used += amount
        self.max_weight = max(self.max_weight, used_in_window)

    def reset(self) -> None:
        """Forget, in place: the limits hold the same object."""
        for one in fields(self):
            setattr(self, one.name, type(getattr(self, one.name))())

    def as_json(self) -> dict[str, object]:
        return {
            "requests": self.requests,
            "archive_requests": self.archive_requests,
            "weight_used": self.weight_used,
            "max_weight_in_minute": self.max_weight,
            "requests_during_ban": self.requests_during_ban,
            "requests_during_throttle": self.requests_during_throttle,
            "by_status": dict(self.by_status),
            "by_path": dict(self.by_path),
            "faults": dict(self.faults),
        }
