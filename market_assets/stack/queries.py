"""The GraphQL documents that are sent to Dagster, and nothing else."""

from __future__ import annotations

from typing import Final

LOCATIONS: Final = """query { workspaceOrError { __typename
  ... on PythonError { message }
  ... on Workspace { locationEntries { name loadStatus locationOrLoadError { __typename
    ... on PythonError { message } } } } } }"""

ASSETS: Final = """query { assetNodes {
  assetKey { path } groupName isPartitioned dependencyKeys { path } } }"""

PARTITIONS: Final = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { __typename
  ... on AssetNotFoundError { message }
  ... on AssetNode { partitionKeysByDimension { partitionKeys }
    assetPartitionStatuses { __typename
      ... on TimePartitionStatuses { ranges { status startKey endKey } } } } } }"""

# Of all assets at once Dagster reads the records once; without the keys, which it would make anew.
STATUSES: Final = """query($keys: [AssetKeyInput!]) { assetNodes(assetKeys: $keys) {
  assetKey { path } assetPartitionStatuses { __typename
    ... on TimePartitionStatuses { ranges { status startKey endKey } } } } }"""

LAUNCH: Final = """mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) { __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on UnauthorizedError { message }
    ... on InvalidSubsetError { message }
    ... on PartitionKeysNotFoundError { message } } }"""

LAUNCH_RUN: Final = """mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on InvalidSubsetError { message }
    ... on PipelineNotFoundError { message } } }"""

# Without its counts, for which Dagster reads every partition of it.
BACKFILL_STATUS: Final = """query($id: String!) { partitionBackfillOrError(backfillId: $id) {
  __typename
  ... on BackfillNotFoundError { message }
  ... on PythonError { message }
  ... on PartitionBackfill { status } } }"""

ACTIVE_BACKFILLS: Final = """query { partitionBackfillsOrError(
    filters: { statuses: [REQUESTED] }, limit: 25) { __typename
  ... on PythonError { message }
  ... on PartitionBackfills { results { id title status } } } }"""

RUNS: Final = """query($filter: RunsFilter) { runsOrError(filter: $filter, limit: 200) { __typename
  ... on PythonError { message }
  ... on InvalidPipelineRunsFilterError { message }
  ... on Runs { results { id runId status startTime endTime tags { key value }
    assetSelection { path } } } } }"""

RUN_STATUSES: Final = """query($filter: RunsFilter) { runsOrError(filter: $filter, limit: 200) {
  __typename
  ... on PythonError { message }
  ... on InvalidPipelineRunsFilterError { message }
  ... on Runs { results { runId status } } } }"""
