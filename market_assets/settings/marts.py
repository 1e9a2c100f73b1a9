"""The numbers that the marts are computed with. dbt gets them as vars of the same names."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from market_assets.settings.section import Section, Symbol, VenueName

MAJORS = {"majors": {"venue": "binance", "weights": {"BTCUSDT": 0.6, "ETHUSDT": 0.4}}}


class PortfolioSettings(Section):
    """Holdings on one venue, brought back to these weights each day."""

    venue: VenueName = Field(description="The venue whose prices count")
    weights: dict[Symbol, float] = Field(
        min_length=1, description="Share of the equity in each symbol; a short is negative"
    )


class MartsSettings(Section):
    """What dbt computes, and with which numbers."""

    benchmark_symbol: Symbol = Field(
        "BTCUSDT", description="The symbol that beta and correlation are measured against"
    )
    price_range_factor: float = Field(
        10.0,
        gt=1,
        le=1000,
        description="How many times above or below its weekly average a price is suspicious",
    )
    volume_z_score: float = Field(
        8.0, gt=0, le=1000, description="Standard deviations from which a volume is an outlier"
    )
    flat_run_candles: int = Field(
        3, ge=2, le=100, description="Candles without a trade in a row that are flagged"
    )
    latest_days: int = Field(
        7, ge=1, le=3650, description="Days after its last hour that latest_stats tells a symbol"
    )
    completeness_days: int = Field(
        90, ge=7, le=3650, description="Days that ops_completeness tells of; it counts all of them"
    )
    risk_window_days: int = Field(
        365, ge=10, le=3650, description="Days that a risk figure looks back"
    )
    risk_least_days: int = Field(
        30, ge=2, le=3650, description="Returns without which there is no risk figure"
    )
    correlation_days: int = Field(90, ge=5, le=3650, description="Days that correlations look back")
    strategy_cost_bps: float = Field(
        5.0, ge=0, le=1000, description="Cost of a reference strategy's turnover, in 0.01 %"
    )
    strategy_carry_threshold: float = Field(
        0.05,
        ge=0,
        le=100,
        description="Annualised funding above which the carry strategy goes short",
    )
    trend_efficiency: float = Field(
        0.3, gt=0, lt=1, description="Share of a move left after all turns back that makes a trend"
    )
    maintenance_margin: float = Field(
        0.005,
        ge=0,
        lt=1,
        description="Share of a position that the venue keeps before it closes it",
    )
    storage_dollars_per_gib_month: float = Field(
        0.02, ge=0, le=1000, description="What storing costs, for ops_storage_and_cost"
    )
    scan_dollars_per_tib: float = Field(
        6.25, ge=0, le=1000, description="What a query costs by what it reads"
    )
    portfolios: dict[str, PortfolioSettings] = Field(
        default_factory=lambda: {
            name: PortfolioSettings.model_validate(given) for name, given in MAJORS.items()
        },
        description="Portfolios by name: a venue and the weights of its symbols",
    )

    @field_validator("portfolios")
    @classmethod
    def _has_a_name(cls, given: dict[str, Any]) -> dict[str, Any]:
        for name in given:
            if not name.replace("_", "").isalnum():
                raise PydanticCustomError(
                    "refused",
                    "a portfolio has an impossible name",
                    {
                        "allowed": "letters, digits and underscores",
                        "fix": f"rename {name!r}, such as majors",
                    },
                )
        return given
