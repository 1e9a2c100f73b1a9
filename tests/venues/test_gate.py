"""The traffic light that all processes of a machine share: budget, pauses, circuit breaker.

Time is the wall clock, so the tests use buckets of a fraction of a second.
"""

from __future__ import annotations

import multiprocessing
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.venues._gate import BreakerPolicy, Gate
from market_assets.venues.contract import Bucket

# Spawned processes import what they run by name.
sys.path.insert(0, str(Path(__file__).parent))

from gate_workers import WIDE, spend_all_day, tell_of_a_ban

SHORT = Bucket("weight", 20, 0.4)
QUICK = BreakerPolicy(failures=3, first_pause=0.3, next_pause=1.5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "venues.sqlite"


@pytest.fixture
def gate(path: Path) -> Iterator[Gate]:
    made = Gate(path, "binance", [WIDE], QUICK)
    yield made
    made.close()


def most_in_a_window(sent: list[tuple[float, int]], seconds: float) -> int:
    """The largest weight that any span of `seconds` saw."""
    return max(
        (sum(weight for at, weight in sent if first <= at < first + seconds) for first, _ in sent),
        default=0,
    )


# -- budget


@settings(max_examples=12, deadline=None)
@given(
    asks=st.lists(
        st.tuples(st.integers(1, SHORT.limit), st.floats(0, 0.08)), min_size=5, max_size=30
    )
)
def test_no_span_of_time_ever_sees_more_than_the_limit(
    tmp_path_factory: pytest.TempPathFactory, asks: list[tuple[int, float]]
):
    gate = Gate(tmp_path_factory.mktemp("gate") / "venues.sqlite", "binance", [SHORT])
    sent: list[tuple[float, int]] = []
    for weight, pause in asks:
        time.sleep(pause)
        if gate.enter([("weight", weight)]) is None:
            sent.append((time.time(), weight))
    gate.close()
    assert sent, "a fresh budget lets the first one through"
    assert most_in_a_window(sent, SHORT.seconds) <= SHORT.limit


def test_what_a_wait_promises_is_true_and_not_much_too_long(path: Path):
    gate = Gate(path, "binance", [Bucket("weight", 20, 2.0)])
    assert gate.enter([("weight", 19)]) is None
    wait = gate.enter([("weight", 19)])
    assert wait is not None
    assert (wait.reason, wait.detail) == ("budget", "weight")
    assert 0 < wait.seconds < 2.0 + 0.4
    time.sleep(wait.seconds)
    assert gate.enter([("weight", 19)]) is None
    gate.close()


def test_a_call_that_draws_on_two_buckets_passes_both_or_spends_nothing(path: Path):
    gate = Gate(path, "binance", [WIDE, Bucket("funding", 10, 60.0)])
    calls = [("funding", 5), ("weight", 60_000)]
    assert gate.enter(calls) is None
    wait = gate.enter(calls)
    assert wait is not None
    assert gate.enter([("funding", 4)]) is None, "the refused call took from this bucket"
    gate.close()


def test_a_spending_counts_from_when_the_request_goes_not_from_when_it_queued(path: Path):
    one = Bucket("weight", 1, 3.0)
    gate = Gate(path, "binance", [one])
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("begin immediate")
    threading.Timer(1.0, lambda: holder.execute("commit")).start()
    assert gate.enter([("weight", 1)]) is None  # came at 0.0, was let in at 1.0
    assert gate.enter([("weight", 1)]) is not None, "two requests left within an instant"
    gate.close()
    holder.close()


@pytest.mark.slow
def test_four_processes_together_stay_within_the_limit(path: Path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    ready = context.Barrier(4)
    workers = [context.Process(target=spend_all_day, args=(path, ready, results)) for _ in range(4)]
    for worker in workers:
        worker.start()
    reports = [results.get(timeout=30) for _ in workers]
    for worker in workers:
        worker.join()
    assert sum(1 for report in reports if report) >= 2, "only one process ever got through"
    sent = [times for report in reports for times in report]
    assert 3 * len(sent) >= 40 * 2, "the budget is used, not only kept"
    for first, _ in sent:
        # Surely inside the span, however slowly the processes ran.
        inside = sum(1 for asked, let_in in sent if first <= asked and let_in < first + 1.0)
        assert 3 * inside <= 40


def test_weight_that_others_spent_counts_as_ours(path: Path):
    gate = Gate(path, "binance", [Bucket("weight", 100, 60.0)])
    assert gate.enter([("weight", 5)]) is None
    gate.reported("weight", 80)  # 75 were spent by somebody else on this address
    assert gate.enter([("weight", 10)]) is None
    wait = gate.enter([("weight", 10)])
    assert wait is not None
    assert wait.reason == "budget"
    gate.close()


def test_a_venue_that_has_counted_less_than_we_did_changes_nothing(path: Path):
    gate = Gate(path, "binance", [Bucket("weight", 100, 60.0)])
    assert gate.enter([("weight", 60)]) is None
    gate.reported("weight", 2)  # the venue's minute has just begun
    assert gate.enter([("weight", 60)]) is not None
    gate.close()


def test_a_count_near_the_limit_stops_everybody_until_the_venues_next_minute(path: Path):
    gate = Gate(path, "binance", [Bucket("weight", 100, 60.0)])
    gate.reported("weight", 99)
    wait = gate.enter([("weight", 1)])
    assert wait is not None
    assert wait.reason == "paused"
    assert 0 < wait.seconds <= 61
    gate.close()


# -- pauses


def test_a_ban_that_one_process_met_stops_the_others(path: Path, gate: Gate):
    assert gate.enter([("weight", 1)]) is None
    process = multiprocessing.get_context("spawn").Process(
        target=tell_of_a_ban, args=(path, time.time() + 100)
    )
    process.start()
    process.join()
    wait = gate.enter([("weight", 1)])
    assert wait is not None
    assert (wait.reason, wait.detail) == ("paused", "HTTP 418: banned this address")
    assert 80 < wait.seconds <= 100


def test_a_pause_ends_at_its_time_and_a_shorter_one_does_not_shorten_it(gate: Gate):
    gate.paused(time.time() + 3.0, "ban")
    gate.paused(time.time() + 0.1, "throttle")
    time.sleep(0.2)
    assert gate.enter([("weight", 1)]) is not None
    time.sleep(2.9)
    assert gate.enter([("weight", 1)]) is None


def test_one_venues_pause_is_no_other_venues(path: Path, gate: Gate):
    gate.paused(time.time() + 100, "ban")
    other = Gate(path, "okx", [WIDE])
    assert other.enter([("weight", 1)]) is None
    other.close()


# -- circuit breaker


def broken(gate: Gate, times: int = QUICK.failures) -> None:
    for _ in range(times):
        gate.failed("HTTP 503")


def test_failures_below_the_limit_leave_the_circuit_closed(gate: Gate):
    broken(gate, QUICK.failures - 1)
    assert gate.enter([("weight", 1)]) is None


def test_a_success_in_between_starts_the_count_again(gate: Gate):
    broken(gate, QUICK.failures - 1)
    gate.succeeded()
    broken(gate, QUICK.failures - 1)
    assert gate.enter([("weight", 1)]) is None


def test_failures_in_a_row_open_the_circuit_for_every_process_on_the_machine(
    path: Path, gate: Gate
):
    broken(gate)
    wait = Gate(path, "binance", [WIDE], QUICK).enter([("weight", 1)])
    assert wait is not None
    assert (wait.reason, wait.detail) == ("open", "HTTP 503")
    assert 0 < wait.seconds <= QUICK.first_pause


def test_after_the_pause_exactly_one_request_probes_the_venue(path: Path, gate: Gate):
    broken(gate)
    time.sleep(QUICK.first_pause)
    others = [Gate(path, "binance", [WIDE], QUICK) for _ in range(3)]
    let_in = [gate.enter([("weight", 1)]), *(other.enter([("weight", 1)]) for other in others)]
    assert [wait is None for wait in let_in] == [True, False, False, False]
    for other in others:
        other.close()


def test_a_probe_that_fails_opens_the_circuit_for_the_longer_pause(gate: Gate):
    broken(gate)
    time.sleep(QUICK.first_pause)
    assert gate.enter([("weight", 1)]) is None
    gate.failed("HTTP 503 again")
    wait = gate.enter([("weight", 1)])
    assert wait is not None
    assert QUICK.first_pause < wait.seconds <= QUICK.next_pause


def test_a_probe_that_succeeds_closes_the_circuit_for_all(path: Path, gate: Gate):
    broken(gate)
    time.sleep(QUICK.first_pause)
    assert gate.enter([("weight", 1)]) is None
    gate.succeeded()
    other = Gate(path, "binance", [WIDE], QUICK)
    assert [other.enter([("weight", 1)]) for _ in range(3)] == [None, None, None]
    other.close()
    broken(gate, QUICK.failures - 1)
    assert gate.enter([("weight", 1)]) is None, "the count starts from nothing"


def test_answers_to_requests_sent_before_it_opened_do_not_lengthen_the_pause(gate: Gate):
    broken(gate, QUICK.failures + 20)
    wait = gate.enter([("weight", 1)])
    assert wait is not None
    assert wait.seconds <= QUICK.first_pause
