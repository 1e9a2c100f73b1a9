"""What a run of dbt did, read from the file that it leaves: models built, tests passed or not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

_BUILT = ("success",)
_PASSED = ("pass",)
_SKIPPED = ("skipped",)


@dataclass(frozen=True)
class Result:
    """One node's end."""

    unique_id: str
    status: str
    seconds: float
    message: str
    failures: int
    # What dbt made of the model's text for this run.
    sql: str = ""

    @property
    def built(self) -> bool:
        return self.unique_id.startswith("model.") and self.status in _BUILT

    @property
    def tested(self) -> bool:
        return self.unique_id.startswith("test.") and self.status not in _SKIPPED

    @property
    def passed(self) -> bool:
        return self.status in _PASSED

    @property
    def failed(self) -> bool:
        return self.status in ("error", "fail", "runtime error")

    @property
    def name(self) -> str:
        return self.unique_id.split(".")[2]


def invocation_of(folder: Path) -> str:
    """What dbt called the run itself; nothing when it did not come that far."""
    try:
        told = json.loads((folder / "run_results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(told["metadata"]["invocation_id"])


def read_results(folder: Path) -> list[Result]:
    """In the order in which the nodes ended; nothing when dbt did not come that far."""
    try:
        told = json.loads((folder / "run_results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [
        Result(
            item["unique_id"],
            item["status"],
            float(item["execution_time"] or 0),
            str(item["message"] or ""),
            int(item["failures"] or 0),
            str(item.get("compiled_code") or ""),
        )
        for item in told["results"]
    ]
