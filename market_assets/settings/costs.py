"""What queries and storage cost, and what happens when a day has cost too much."""

from __future__ import annotations

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from market_assets.settings.section import Section

# The platform's own questions read up to six tables at once. Refused, they would blind the watch.
_TABLES_OF_A_QUERY = 10


class CostSettings(Section):
    """Prices and the budget; the day's budget itself is thresholds.daily_cost_usd."""

    warn_percent: float = Field(
        80.0, ge=0, le=100, description="Share of the day's budget from which it is told"
    )
    stop_at_budget: bool = Field(
        False,
        description="Whether runs that can wait are refused once the day's budget is used up, until"
        " the next day or `market-assets costs release`",
    )
    minimum_bytes: int = Field(
        10 * 2**20,
        ge=0,
        le=2**40,  # a sum of some tables still fits into a column of whole numbers
        description="Least that a query is billed for each table that it reads",
    )
    maximum_bytes_billed: int = Field(
        10 * 2**30,
        ge=2**20,
        le=2**60,
        description="Most that one query may bill; a larger one is refused",
    )

    @model_validator(mode="after")
    def _own_questions_are_allowed(self) -> CostSettings:
        least = _TABLES_OF_A_QUERY * self.minimum_bytes
        if self.maximum_bytes_billed < least:
            raise PydanticCustomError(
                "key:maximum_bytes_billed",
                "the platform's own questions would be refused",
                {
                    "allowed": f"{_TABLES_OF_A_QUERY} times costs.minimum_bytes or more, {least:,}",
                    "fix": f"write {least}, or a lower costs.minimum_bytes",
                },
            )
        return self


def dollars(amount: float) -> str:
    """$1.00, and small amounts so that they can be told from nothing: $0.0012."""
    return f"${amount:.2f}" if amount == 0 or abs(amount) >= 0.1 else f"${amount:.4f}"
