"""The one door to the store: which engine it is, the settings say and nobody else needs to know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from market_assets.errors import NothingStored

if TYPE_CHECKING:
    import pyarrow as pa

    from market_assets.settings import Settings
    from market_assets.warehouse.protocol import Warehouse


def open_warehouse(
    settings: Settings,
    *,
    read_only: bool = False,
    venues: Sequence[str] | None = None,
    lock_timeout_seconds: float | None = None,
) -> Warehouse:
    """The warehouse of the settings, with the tables of their venues unless `read_only`.

    Loads the engine's libraries, which the code location and most processes never need.
    """
    from market_assets.warehouse.estimate import Prices

    wanted: tuple[str, ...] = tuple(settings.venues if venues is None else venues)
    if settings.warehouse.engine == "bigquery":
        from market_assets.warehouse.bigquery.engine import BigQueryWarehouse

        return BigQueryWarehouse(
            settings, venues=wanted, read_only=read_only, prices=Prices.of(settings)
        )
    from market_assets.warehouse.ducklake import DuckLakeWarehouse

    patience = settings.warehouse.lock_timeout_seconds
    return DuckLakeWarehouse(
        settings.warehouse.path,
        venues=wanted,
        lock_timeout_seconds=patience if lock_timeout_seconds is None else lock_timeout_seconds,
        read_only=read_only,
        prices=Prices.of(settings),
    )


def query(sql: str, config: Path | None = None) -> pa.Table:
    """The answer to one SELECT, as pandas, polars and DuckDB take it: a notebook's one line.

    The settings are found as everywhere: `config`, MARKET_ASSETS_CONFIG, ./platform.yaml.
    """
    from market_assets.settings import load_settings

    with open_warehouse(load_settings(config), read_only=True) as warehouse:
        return warehouse.query(sql)


def version(settings: Settings) -> int:
    """A number that is another one after anybody wrote to the store; 0 before the first.

    Of the embedded store the files tell it, nothing is opened: most ticks of sensors have nothing
    more to do. BigQuery tells it by its metadata, which is free.
    """
    if settings.warehouse.engine == "bigquery":
        try:
            with open_warehouse(settings, read_only=True) as warehouse:
                return warehouse.version()
        except NothingStored:
            return 0
    from market_assets.warehouse.layout import Layout

    return Layout(settings.warehouse.path.absolute()).written_at


def is_there(settings: Settings) -> bool:
    """Whether anything was ever stored; asked without making anything."""
    if settings.warehouse.engine == "bigquery":
        return version(settings) > 0
    from market_assets.warehouse.layout import Layout

    return Layout(settings.warehouse.path.absolute()).exists


def place_of(settings: Settings) -> str:
    """Where the rows are, in a few words."""
    if settings.warehouse.engine == "bigquery":
        given = settings.bigquery
        project = given.project or "of the credentials"
        return f"bigquery project {project}, datasets {given.dataset_prefix}raw, ..."
    return f"ducklake {settings.warehouse.path.absolute()}"


def disk_of(settings: Settings) -> Path | None:
    """The folder whose disk holds the rows; None where no disk of ours can fill up."""
    return settings.warehouse.path if settings.warehouse.engine == "ducklake" else None


def with_engine(settings: Settings, engine: Literal["bigquery", "ducklake"]) -> Settings:
    """The same settings, their warehouse on that engine."""
    warehouse = settings.warehouse.model_copy(update={"engine": engine})
    return settings.model_copy(update={"warehouse": warehouse})
