"""On a real network: each operation by each wrong person, with each argument spoilt, and each function with rubbish."""

import json
from typing import Any

import pytest

from fabric_client.errors import ChaincodeRefused
from fabric_client.gateway import Gateway
from fabric_client.identity import Identity
from fabric_client.proposals import propose
from tests.support.fabric.network import FabricNetwork, health, processes, transaction
from tests.support.fabric.proposals import SECONDS, now_ms, submission
from tests.support.ledger import KEYS, World
from tests.support.operations import everybody
from wire.codec import canonical_json
from wire.signing import TRANSACTION, payload_of


@pytest.fixture
def now(world: World) -> World:
    """The marketplace at this moment: the network knows no other."""
    world.now_ms = now_ms()
    return world


def test_nobody_does_what_is_not_theirs_to_do(now: World) -> None:
    everybody.assert_each_kind_has_an_example()
    everybody.assert_nobody_does_what_is_not_theirs(now)
    everybody.assert_nobody_submits_what_is_not_theirs(now)


def test_every_bad_argument_of_every_operation_is_refused_by_its_name(
    now: World, fabric_network: FabricNetwork
) -> None:
    before = processes(fabric_network)

    everybody.assert_bad_arguments_are_refused_by_name(now)

    assert processes(fabric_network) == before
    assert all(health(fabric_network, name)["peers"] > 0 for name in ("controller", "peers"))


@pytest.mark.parametrize("value", [None, -1, 1.5, True, "", "x~y", "\x00", [], [1], {}, "x" * 65, ["{}"] * 1_001])
@pytest.mark.parametrize("name", ["transaction_id", "timestamp_ms", "operations"])
def test_a_bad_transaction_is_refused_by_the_name_of_its_field(
    gateway: Gateway, recorder: Identity, name: str, value: Any
) -> None:
    now = now_ms()
    plain = {**json.loads(payload_of(transaction(KEYS.controller, ["{}"], timestamp_ms=now))), name: value}
    envelope = KEYS.controller.sign(canonical_json(plain), TRANSACTION)

    with pytest.raises(ChaincodeRefused, match=name):
        gateway.evaluate(propose(recorder, submission(envelope, now)), seconds=SECONDS)
