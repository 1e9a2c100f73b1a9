"""The same text through the engine on BigQuery: its statements, load jobs and answers.

The emulator's SQL is not Google's: how GoogleSQL reads our literals is tested by its own rules
(test_hostile_googlesql.py), and the analyser judges every statement of the contract.
"""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import pytest
from emulator_support import EmulatedBigQuery
from hostile_support import NEIGHBOUR, PIECES, assert_it_came_back, write_everything

sys.path.insert(0, str(Path(__file__).parents[1] / "warehouse"))

from engine_support import settings_of

from market_assets.warehouse.bigquery.engine import BigQueryWarehouse

pytestmark = [pytest.mark.xdist_group("bigquery"), pytest.mark.slow]


def test_what_is_written_comes_back_unchanged_beside_a_neighbour(
    bigquery: EmulatedBigQuery,
) -> None:
    text = "".join(PIECES)
    ids = {text: uuid.uuid4().hex, "neighbour": uuid.uuid4().hex}
    symbols = {text: f"{text}X", "neighbour": NEIGHBOUR}
    with BigQueryWarehouse(settings_of(bigquery), venues=["binance"]) as store:
        for said, alert_id in ids.items():
            write_everything(store, symbols[said], said, alert_id)
        for said, alert_id in ids.items():
            assert_it_came_back(store, symbols[said], said, alert_id)
