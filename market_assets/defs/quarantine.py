"""A job for after a change of rules: the rows that they kept out are judged again."""

# No `from __future__ import annotations` here: Dagster reads the types of op functions.

import dagster as dg

from market_assets.defs.resources import open_warehouse
from market_assets.settings import Settings


class Revalidation(dg.Config):
    """Which held rows to judge again."""

    # Only count what would be released.
    dry_run: bool = False
    # Only of this venue, and only of this dataset; empty is any.
    venue: str = ""
    dataset: str = ""


def revalidation_job(settings: Settings) -> dg.JobDefinition:
    """`revalidate_quarantine`, started by hand."""

    @dg.op(description="Judges held rows by the rules of today and stores those that pass.")
    def revalidate(context: dg.OpExecutionContext, config: Revalidation) -> None:
        from market_assets.quality import quarantine

        with open_warehouse(settings) as warehouse:
            found = quarantine.revalidate(
                warehouse,
                venue=config.venue,
                dataset=config.dataset,
                dry_run=config.dry_run,
                run_id=context.run_id,
            )
        context.add_output_metadata(
            {
                "dry_run": config.dry_run,
                "held": found.held,
                "passing": sum(found.passing.values()),
                "released": found.released,
                "rows_stored": found.stored,
                "passing_by_table": dg.MetadataValue.json(dict(found.passing)),
                "kept_by_reason": dg.MetadataValue.json(dict(found.kept)),
            }
        )

    @dg.job(
        name="revalidate_quarantine",
        description=(
            "Judges the held rows of raw.quarantine by the rules of today: for after a change of"
            " rules. Rows that pass are stored, and their days' marts are built again. With"
            " dry_run it only counts."
        ),
    )
    def job() -> None:
        revalidate()

    return job
