"""Whatever is sent in whatever order: the money is constant, no account is negative, a replay gives the same state."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.ledger_machine import LedgerMachine

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@pytest.mark.timeout(600)
def test_any_operations_in_any_order_keep_the_books_right() -> None:
    profile = settings(max_examples=300, stateful_step_count=50, deadline=None, suppress_health_check=QUIET)

    run_state_machine_as_test(LedgerMachine, settings=profile)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_five_thousand_long_histories_keep_the_books_right() -> None:
    profile = settings(max_examples=5_000, stateful_step_count=50, deadline=None, suppress_health_check=QUIET)

    run_state_machine_as_test(LedgerMachine, settings=profile)
