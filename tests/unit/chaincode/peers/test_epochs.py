"""Operators attest a block each epoch and share the peers' pool: equally, once, and only who agrees."""

import pytest

from chaincode.contracts.governance.operators import MOST_OPERATORS
from chaincode.contracts.testing import InMemoryState
from tests.support.ledger import CREDIT, KEYS, MINUTE, NOON, World, marketplace
from wire.codec import encode
from wire.ledger import state_keys
from wire.ledger.clocks import EPOCH_GRACE_MS, EPOCH_MS
from wire.ledger.operations import (
    AttestEpoch,
    CheckpointEpoch,
    CloseEpoch,
    PinKey,
    RegisterOperator,
    RenounceKey,
    RevokeKey,
    RotateKey,
    operation_text,
)
from wire.ledger.records import Delta, Epoch, FeePolicy, OperatorRecord, PinnedKey
from wire.ledger.states import EpochState, KeyRole
from wire.signing import OPERATION, SigningKey

FEES = FeePolicy(version=1, platform_ppm=0, peers_ppm=50_000)
EPOCH = NOON // EPOCH_MS
HASH, OTHER_HASH = "a" * 64, "b" * 64
PETER, PAULA, PIA = (SigningKey.generate() for _ in range(3))
OPERATORS = {"peter": PETER, "paula": PAULA, "pia": PIA}
#: Of one job of 12 s at one credit a second.
COMMISSION = 12 * CREDIT * 5 // 100


@pytest.fixture
def world() -> World:
    """Return a marketplace with three operators and the commission of one job in the pool."""
    made = marketplace(World(ledger=InMemoryState(KEYS.genesis(FEES))))
    for operator_id, key in OPERATORS.items():
        assert register(made, operator_id, key) == "applied"
    earn(made)
    return made


def register(world: World, operator_id: str, key: SigningKey) -> str:
    return world.enact(RegisterOperator(operator_id=operator_id, public_key_pem=key.public.pem))


def earn(world: World, job_id: str = "job6") -> None:
    world.create(job_id, pay_until_ms=world.now_ms + MINUTE)
    world.receipt(job_id)
    assert world.confirm(job_id) == "applied"


def checkpoint(world: World, epoch: int = EPOCH, block_number: int = 7, block_hash: str = HASH) -> str:
    return world.do(CheckpointEpoch(epoch=epoch, block_number=block_number, block_hash=block_hash))


def attest(world: World, key: SigningKey, block_hash: str = HASH, *, epoch: int = EPOCH, height: int = 9) -> str:
    return world.do(AttestEpoch(epoch=epoch, height=height, block_hash=block_hash), author=key)


def close(world: World, epoch: int = EPOCH, *, by: SigningKey = KEYS.controller) -> str:
    return world.do(CloseEpoch(epoch=epoch), by=by)


def end(world: World, epoch: int = EPOCH) -> None:
    """Go to the moment from which on an epoch can be closed."""
    world.now_ms = (epoch + 1) * EPOCH_MS + EPOCH_GRACE_MS


def newest(world: World) -> Epoch:
    return world.get(Epoch, state_keys.epoch())


def shares(world: World) -> dict[str, int]:
    return {name: world.owns(name) for name in (*OPERATORS, "peers")}


def test_the_pool_is_shared_equally_between_those_that_attested(world: World) -> None:
    assert checkpoint(world) == "applied"
    assert attest(world, PETER) == "applied"
    assert attest(world, PAULA) == "applied"
    end(world)

    assert close(world) == "applied"

    assert shares(world) == {"peter": COMMISSION // 2, "paula": COMMISSION // 2, "pia": 0, "peers": 0}
    assert newest(world).state is EpochState.SHARED
    assert (newest(world).agreed, newest(world).differed, newest(world).share_micro) == (2, 0, COMMISSION // 2)
    names = [event.name for event in world.events]
    assert names[-5:] == [
        "epoch.attested.v1",
        "epoch.attested.v1",
        "epoch.paid.v1",
        "epoch.paid.v1",
        "epoch.shared.v1",
    ]
    assert world.books() == (0, {})


def test_what_cannot_be_divided_stays_in_the_pool(world: World) -> None:
    checkpoint(world)
    world.create("odd", max_ms=1, price_nano_per_ms=400_000, pay_until_ms=world.now_ms + MINUTE)
    world.receipt("odd", run_ms=1)
    world.confirm("odd", observed_ms=1)
    pool = world.owns("peers")
    for key in OPERATORS.values():
        assert attest(world, key) == "applied"
    end(world)

    assert close(world) == "applied"

    assert pool % 3
    assert shares(world) == {"peter": pool // 3, "paula": pool // 3, "pia": pool // 3, "peers": pool % 3}
    assert world.books() == (0, {})


def test_all_stays_when_nobody_attested(world: World) -> None:
    checkpoint(world)
    end(world)

    assert close(world) == "applied"

    assert shares(world) == {"peter": 0, "paula": 0, "pia": 0, "peers": COMMISSION}
    assert newest(world).state is EpochState.UNSHARED
    assert world.events[-1].name == "epoch.unshared.v1"


def test_a_wrong_hash_counts_for_nothing_and_shows(world: World) -> None:
    checkpoint(world)
    attest(world, PETER)
    attest(world, PAULA)

    assert attest(world, PIA, OTHER_HASH) == "applied"
    assert world.events[-1].name == "epoch.contradicted.v1"
    assert (world.events[-1].subject, world.events[-1].body["block_hash"]) == ("pia", OTHER_HASH)
    end(world)
    close(world)

    assert shares(world) == {"peter": COMMISSION // 2, "paula": COMMISSION // 2, "pia": 0, "peers": 0}
    assert (newest(world).agreed, newest(world).differed) == (2, 1)


@pytest.mark.parametrize(
    ("agreeing", "differing"), [((), ("peter",)), (("pia",), ("peter",)), (("pia",), ("peter", "paula"))]
)
def test_the_pool_stays_when_the_checkpoint_is_contradicted(
    world: World, agreeing: tuple[str, ...], differing: tuple[str, ...]
) -> None:
    checkpoint(world)
    for name in agreeing:
        attest(world, OPERATORS[name])
    for name in differing:
        attest(world, OPERATORS[name], OTHER_HASH)
    end(world)

    assert close(world) == "applied"

    assert shares(world) == {"peter": 0, "paula": 0, "pia": 0, "peers": COMMISSION}
    assert newest(world).state is EpochState.DISPUTED
    assert world.events[-1].name == "epoch.disputed.v1"


def test_the_first_word_counts(world: World) -> None:
    checkpoint(world)
    assert attest(world, PETER, OTHER_HASH) == "applied"

    assert attest(world, PETER) == "attested_already"
    assert attest(world, PETER, OTHER_HASH) == "attested_already"


def test_an_attestation_repeated_changes_nothing(world: World) -> None:
    checkpoint(world)
    text = operation_text("epoch.attest:peter:1", AttestEpoch(epoch=EPOCH, height=9, block_hash=HASH))
    jws = PETER.sign(text.encode(), OPERATION)

    assert [world.send(jws), world.send(jws), world.send(jws, by=PAULA)] == ["applied", "repeated", "repeated"]
    end(world)
    close(world)

    assert shares(world)["peter"] == COMMISSION


def test_an_attestation_comes_until_the_grace_is_over(world: World) -> None:
    checkpoint(world)
    end(world)
    world.now_ms -= 1
    assert attest(world, PETER) == "applied"
    assert close(world) == "too_early"

    world.now_ms += 1

    assert attest(world, PAULA) == "too_late"
    assert close(world) == "applied"
    assert attest(world, PAULA) == "wrong_state"
    assert close(world) == "wrong_state"
    assert shares(world)["peter"] == COMMISSION


def test_an_operator_takes_part_from_the_next_checkpoint_on(world: World) -> None:
    checkpoint(world)
    world.now_ms += 1
    late = SigningKey.generate()
    assert register(world, "late", late) == "applied"
    assert attest(world, late) == "too_early"
    end(world)
    close(world)
    world.now_ms += 1

    assert checkpoint(world, EPOCH + 1, 8) == "applied"
    assert attest(world, late, epoch=EPOCH + 1) == "applied"
    end(world, EPOCH + 1)
    close(world, EPOCH + 1)

    assert world.owns("late") == COMMISSION


def test_only_operators_attest(world: World) -> None:
    checkpoint(world)

    for key in (KEYS.controller, KEYS.ours, KEYS.peers, KEYS.alice, KEYS.custody, KEYS.treasury):
        assert attest(world, key) == "not_authorised"
    assert attest(world, SigningKey.generate()) == "unknown_key"
    forged = operation_text("epoch.attest:peter:1", AttestEpoch(epoch=EPOCH, height=9, block_hash=HASH))
    jws = PAULA.sign(forged.encode(), OPERATION)
    head, body, _ = PETER.sign(forged.encode(), OPERATION).split(".")
    assert world.send(".".join((head, body, jws.split(".")[2]))) == "bad_signature"


def test_a_peer_that_has_not_the_block_attests_nothing(world: World) -> None:
    checkpoint(world, block_number=7)

    assert attest(world, PETER, height=7) == "malformed"
    assert attest(world, PETER, "A" * 64) == "malformed"
    assert attest(world, PETER, epoch=EPOCH - 1) == "unknown_epoch"
    assert attest(world, PETER, height=8) == "applied"


def test_only_the_controller_checkpoints_this_epoch_and_once(world: World) -> None:
    for key in (PETER, KEYS.ours, KEYS.peers, KEYS.custody):
        assert world.do(CheckpointEpoch(epoch=EPOCH, block_number=7, block_hash=HASH), author=key) == "not_authorised"
    for epoch in (EPOCH - 1, EPOCH + 1, -1):
        assert checkpoint(world, epoch) == "malformed"
    assert checkpoint(world, block_number=-1) == "malformed"
    assert checkpoint(world, block_hash="x") == "malformed"

    assert checkpoint(world) == "applied"

    assert checkpoint(world) == "epoch_exists"
    assert checkpoint(world, block_number=8, block_hash=OTHER_HASH) == "epoch_exists"
    assert newest(world).block_hash == HASH


def test_each_epoch_has_a_newer_block_and_waits_for_the_one_before(world: World) -> None:
    checkpoint(world)
    attest(world, PETER)
    world.now_ms += EPOCH_MS
    assert checkpoint(world, EPOCH + 1, 8) == "earlier_epoch_open"
    end(world)
    close(world)

    assert checkpoint(world, EPOCH + 1, 7) == "old_block"
    assert checkpoint(world, EPOCH + 1, 8) == "applied"
    assert attest(world, PETER) == "unknown_epoch"
    assert close(world) == "unknown_epoch"


def test_epochs_may_be_left_out(world: World) -> None:
    checkpoint(world)
    attest(world, PETER)
    world.now_ms += 30 * EPOCH_MS

    assert close(world) == "applied"
    assert checkpoint(world, EPOCH + 30, 8) == "applied"


def test_anyone_closes_an_epoch_that_is_over(world: World) -> None:
    assert close(world) == "unknown_epoch"
    checkpoint(world)
    attest(world, PETER)
    end(world)

    assert close(world, by=PIA) == "applied"

    assert shares(world)["peter"] == COMMISSION


def test_an_operator_is_registered_by_both_organisations(world: World) -> None:
    key = SigningKey.generate()
    arguments = RegisterOperator(operator_id="new", public_key_pem=key.public.pem)
    for author in (KEYS.controller, KEYS.custody, KEYS.treasury, PETER):
        assert world.do(arguments, author=author) == "not_authorised"

    assert world.do(arguments, author=KEYS.peers, name="new") == "applied"
    checkpoint(world)
    assert attest(world, key) == "unknown_key"
    text = operation_text("operator.register:new", arguments)
    assert world.approve("operator.register:new", text, KEYS.ours) == ["applied"]

    assert world.get(OperatorRecord, state_keys.operator("new")).registered_at_ms == world.now_ms
    assert world.get(PinnedKey, state_keys.key(key.public.key_id)).role is KeyRole.OPERATOR
    assert [event.name for event in world.events[-2:]] == ["operator.registered.v1", "proposal.enacted.v1"]


def test_an_account_is_one_operator_and_a_key_has_one_holder(world: World) -> None:
    assert register(world, "peter", SigningKey.generate()) == "operator_exists"
    assert register(world, "new", PETER) == "key_taken"
    assert register(world, "new", KEYS.alice) == "key_taken"
    for name in ("platform", "peers", "bond", "", "a~b"):
        assert register(world, name, SigningKey.generate()) == "malformed"


def test_operators_are_bounded(world: World) -> None:
    assert isinstance(world.ledger, InMemoryState)
    operator = OperatorRecord(operator_id="x", key_id="x", registered_at_ms=0)
    for number in range(MOST_OPERATORS - 4):
        world.ledger.state[state_keys.operator(f"other-{number}")] = encode(operator).decode()

    assert register(world, "last", SigningKey.generate()) == "applied"
    assert register(world, "new", SigningKey.generate()) == "too_many_operators"


def test_a_replaced_key_attests_no_more_and_the_new_one_not_twice(world: World) -> None:
    checkpoint(world)
    attest(world, PETER)
    new = SigningKey.generate()
    assert world.do(RotateKey(public_key_pem=new.public.pem), author=PETER) == "applied"

    assert attest(world, PETER) == "unknown_key"
    assert attest(world, new) == "attested_already"
    end(world)
    close(world)

    assert shares(world)["peter"] == COMMISSION


def test_an_operator_whose_key_was_revoked_shares_in_nothing(world: World) -> None:
    checkpoint(world)
    attest(world, PETER)
    attest(world, PAULA, OTHER_HASH)
    attest(world, PIA)
    assert world.enact(RevokeKey(key_id=PETER.public.key_id)) == "applied"
    assert world.do(RenounceKey(key_id=PAULA.public.key_id), author=PAULA) == "applied"
    end(world)

    assert close(world) == "applied"

    assert shares(world) == {"peter": 0, "paula": 0, "pia": COMMISSION, "peers": 0}


def test_an_operator_that_lost_its_key_gets_another_from_both_organisations(world: World) -> None:
    new = SigningKey.generate()
    pin = PinKey(role="operator", holder="peter", public_key_pem=new.public.pem)
    assert world.enact(PinKey(role="operator", holder="nobody", public_key_pem=new.public.pem)) == "unknown_operator"

    assert world.enact(pin) == "applied"

    checkpoint(world)
    assert attest(world, new) == "applied"
    assert attest(world, PETER) == "unknown_key"


def test_credits_that_wait_are_shared_too(world: World) -> None:
    for number in range(5):
        earn(world, f"more-{number}")
    waiting = world.ledger.items(state_keys.delta_prefix("peers"))
    checkpoint(world)
    attest(world, PETER)
    end(world)

    close(world)

    assert len(waiting) == 6
    assert world.owns("peter") == 6 * COMMISSION
    assert world.ledger.items(state_keys.delta_prefix("peers")) == []
    assert [text for _, text in world.ledger.items(state_keys.delta_prefix("peter"))] == [
        encode(Delta(amount=6 * COMMISSION)).decode()
    ]


def test_no_attestation_outlives_its_epoch(world: World) -> None:
    checkpoint(world)
    attest(world, PETER)
    attest(world, PAULA, OTHER_HASH)
    end(world)

    close(world)

    assert world.ledger.items("attestation~") == []
