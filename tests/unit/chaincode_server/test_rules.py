"""The contracts' own tests, attacks and all, through the chaincode's server: behind it the rules are the same."""

import pytest

from tests.support.fabric.emulated import Emulated
from tests.support.fabric.fake_peer import FakePeer
from tests.support.ledger import KEYS, World, marketplace
from tests.unit.chaincode import (
    test_batch,
    test_claims,
    test_completion,
    test_creation,
    test_endings,
    test_governance,
    test_keys,
    test_money_in,
    test_money_moves,
)
from tests.unit.chaincode.test_claims import owed
from tests.unit.chaincode.test_endings import disputed

__all__ = ["disputed", "owed"]

_SUITES = (
    *(test_batch, test_claims, test_completion, test_creation, test_endings),
    *(test_governance, test_keys, test_money_in, test_money_moves),
)
_NOT_HERE = {
    # Counts what the ledger in memory reads.
    "test_a_batch_costs_one_read_and_one_write_and_a_second_read_for_jobs_of_earlier_batches",
    # Some of it cannot be sent as JSON, and so cannot be signed.
    "test_what_is_no_operation_is_refused_without_harm",
    # The server refuses a submitter without a key before the contracts see anything (test_refusals.py).
    "test_only_the_controller_creates_jobs",
    "test_a_roles_key_is_replaced_by_both_organisations_and_never_left_out",
}
_TESTS = [(name, test) for suite in _SUITES for name, test in vars(suite).items() if name.startswith("test_")]
globals().update((name, test) for name, test in _TESTS if name not in _NOT_HERE)


@pytest.fixture
def world(peer: FakePeer, request: pytest.FixtureRequest) -> World:
    """The same as the contracts' own tests begin with, on the chaincode."""
    bare = World(ledger=Emulated(peer, KEYS.genesis().text()))
    return bare if request.function.__module__ == test_governance.__name__ else marketplace(bare)


def test_no_test_of_the_contracts_is_hidden_by_another_of_its_name() -> None:
    names = [name for name, _ in _TESTS]

    assert sorted(names) == sorted(set(names))
    assert set(names) > _NOT_HERE
