"""What Dagster makes of a dbt model: its key, group, owners, and the partitions it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from market_assets.defs.describe import OWNERS

if TYPE_CHECKING:
    from dagster_dbt import DbtProject


class Translator(DagsterDbtTranslator):
    """The marts as assets: `marts/<model>`, grouped by their folder."""

    def __init__(self, engine: str, docs_url: str) -> None:
        super().__init__(
            DagsterDbtTranslatorSettings(
                enable_code_references=True, enable_source_tests_as_checks=False
            )
        )
        self._engine = "duckdb" if engine == "ducklake" else engine
        self._docs_url = docs_url

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        model = self.get_resource_props(manifest, unique_id)
        if model["resource_type"] != "model":
            return spec
        folder = model["fqn"][-2]
        return spec.replace_attributes(
            group_name=folder,
            owners=OWNERS,
            description=model["description"],
            kinds={"dbt", self._engine},
            tags={**spec.tags, "layer": "marts", "folder": folder},
        ).merge_attributes(
            metadata={
                "dbt docs": dg.MetadataValue.url(f"{self._docs_url}#!/model/{unique_id}"),
                "dagster/table_name": f"{model['schema']}.{model['name']}",
            }
        )

    def get_partition_mapping(
        self,
        dbt_resource_props: Mapping[str, Any],  # noqa: ARG002  # dagster-dbt's signature
        dbt_parent_resource_props: Mapping[str, Any],  # noqa: ARG002
    ) -> dg.PartitionMapping:
        """A day is made from its hours. Venues begin on different days, and none waits for another.

        That later days look back to this one is not told here: Dagster would have to split what
        belongs together into many runs. The sensor knows it (`marts/due.py`).
        """
        return dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
