"""Keys are pinned, replaced, revoked and lost; a certificate's word alone changes none of it."""

import pytest

from tests.support.ledger import CREDIT, IMAGE, KEYS, World, receipt_jws
from wire.ledger import state_keys
from wire.ledger.operations import (
    Deposit,
    OwnAccount,
    PinKey,
    PublishVersion,
    RenounceKey,
    RevokeKey,
    RotateKey,
    Transfer,
)
from wire.ledger.records import PinnedKey, ProviderRecord
from wire.ledger.states import JobRecordState
from wire.signing import ENROLMENT, SigningKey

NEW = SigningKey.generate()
OTHER = SigningKey.generate()


def pinned(world: World, key: SigningKey) -> PinnedKey:
    return world.get(PinnedKey, state_keys.key(key.public.key_id))


def rotate(world: World, old: SigningKey, new: SigningKey) -> str:
    return world.do(RotateKey(public_key_pem=new.public.pem), author=old)


def own(world: World, account_id: str = "bob", key: SigningKey = KEYS.bob, proof: str | None = None) -> str:
    proved = proof if proof is not None else key.sign(account_id.encode(), ENROLMENT)
    arguments = OwnAccount(account_id=account_id, public_key_pem=key.public.pem, proof=proved)
    return world.do(arguments, author=KEYS.custody)


def test_a_provider_replaces_its_key_and_the_old_one_counts_for_earlier_jobs_only(world: World) -> None:
    world.create("before")
    world.now_ms += 1
    assert rotate(world, KEYS.alice, NEW) == "applied"
    world.now_ms += 1
    world.create("after")

    assert world.receipt("before", KEYS.alice) == "applied"
    assert world.receipt("after", KEYS.alice) == "unknown_key"
    assert world.receipt("after", NEW) == "applied"
    assert world.get(ProviderRecord, state_keys.provider("alice-pc")).key_id == NEW.public.key_id
    assert rotate(world, KEYS.alice, OTHER) == "unknown_key"


def test_nobody_else_replaces_a_providers_key(world: World) -> None:
    for key in (KEYS.controller, KEYS.custody, KEYS.treasury, KEYS.ours, KEYS.peers):
        assert rotate(world, key, NEW) == "not_authorised"
    assert rotate(world, KEYS.kate, KEYS.alice) == "key_taken"
    assert rotate(world, KEYS.kate, NEW) == "applied"
    assert pinned(world, KEYS.alice).active


def test_a_receipt_signed_before_its_key_was_revoked_and_handed_in_after_is_refused(world: World) -> None:
    world.create()
    signed_before = receipt_jws()
    assert world.do(RenounceKey(key_id=KEYS.alice.public.key_id), author=KEYS.alice) == "applied"

    assert world.receipt() == "unknown_key"
    assert signed_before
    assert world.job().state is JobRecordState.CREATED


def test_a_stolen_key_is_renounced_by_its_successor_and_by_no_one_else(world: World) -> None:
    world.create()
    rotate(world, KEYS.alice, NEW)
    renounce = RenounceKey(key_id=KEYS.alice.public.key_id)
    for key in (KEYS.kate, KEYS.controller, KEYS.ours):
        assert world.do(renounce, author=key) == "not_authorised"

    assert world.do(renounce, author=NEW) == "applied"

    assert world.receipt() == "unknown_key"
    assert world.receipt(key=NEW) == "applied"
    assert world.do(renounce, author=NEW) == "wrong_state"


def test_both_organisations_give_a_provider_that_lost_its_key_a_new_one(world: World) -> None:
    world.create()

    assert world.enact(PinKey(role="provider", holder="alice-pc", public_key_pem=NEW.public.pem)) == "applied"

    assert world.receipt(key=NEW) == "applied"
    assert not pinned(world, KEYS.alice).active
    assert world.enact(PinKey(role="provider", holder="nobody", public_key_pem=OTHER.public.pem)) == "unknown_provider"


def test_a_roles_key_is_replaced_by_both_organisations_and_never_left_out(world: World) -> None:
    revoke = RevokeKey(key_id=KEYS.controller.public.key_id)
    assert world.enact(revoke) == "last_key"
    assert world.enact(PinKey(role="controller", holder="", public_key_pem=NEW.public.pem)) == "applied"
    assert world.enact(revoke) == "applied"

    world.now_ms += 1
    assert world.do(RotateKey(public_key_pem=OTHER.public.pem)) == "unknown_key"
    assert world.register("dan-pc", "dan", KEYS.stranger) == "unknown_key"
    assert world.enact(RevokeKey(key_id=NEW.public.key_id)) == "last_key"


def test_an_authority_is_replaced_too(world: World) -> None:
    assert world.enact(PinKey(role="authority", holder="peers", public_key_pem=NEW.public.pem)) == "applied"
    assert world.enact(RevokeKey(key_id=KEYS.peers.public.key_id)) == "applied"
    assert world.enact(PinKey(role="authority", holder="others", public_key_pem=OTHER.public.pem)) == "malformed"

    assert pinned(world, NEW).holder == "peers"
    assert not pinned(world, KEYS.peers).active


@pytest.mark.parametrize(
    ("role", "holder"), [("controller", "x"), ("king", ""), ("provider", ""), ("owner", "bob"), ("owner", "a~b")]
)
def test_a_key_is_pinned_to_no_role_that_does_not_exist(world: World, role: str, holder: str) -> None:
    arguments = PinKey(role=role, holder=holder, public_key_pem=NEW.public.pem)

    assert world.enact(arguments) in {"malformed", "unknown_account"}


def test_an_owner_with_a_key_of_its_own_is_out_of_custody(world: World) -> None:
    assert own(world) == "applied"
    deposit = Deposit(account_id="bob", amount_micro=CREDIT)
    version = PublishVersion(
        version_id="bob-v2",
        developer_id="bob",
        image=IMAGE,
        price_ceiling_nano_per_ms=1,
        timeout_ms=1000,
        memory_mb=128,
        cpu_millis=1000,
        budget_micro_per_day=1,
    )

    for arguments in (deposit, version, Transfer(account_id="bob", to_account_id="alice", amount_micro=1)):
        for stranger in (KEYS.custody, KEYS.controller, KEYS.alice, KEYS.ours):
            assert world.do(arguments, author=stranger) == "not_authorised"
        assert world.do(arguments, author=KEYS.bob) == "applied"
        assert world.do(arguments, by=KEYS.bob, name="again") in {"applied", "version_exists"}
    assert world.do(Deposit(account_id="james", amount_micro=1), author=KEYS.bob) == "not_authorised"
    assert own(world, key=NEW) == "in_custody_of_owner"


def test_an_owner_moves_nobody_elses_money(world: World) -> None:
    own(world)
    own(world, "james", NEW)

    assert world.do(Deposit(account_id="james", amount_micro=1), author=KEYS.bob) == "not_authorised"
    assert world.do(Deposit(account_id="james", amount_micro=1), author=NEW) == "applied"


def test_an_owners_key_is_replaced_by_itself_or_by_both_organisations(world: World) -> None:
    own(world)
    deposit = Deposit(account_id="bob", amount_micro=1)

    assert rotate(world, KEYS.bob, NEW) == "applied"
    assert world.do(deposit, author=KEYS.bob) == "unknown_key"
    assert world.do(deposit, author=NEW) == "applied"
    assert world.enact(PinKey(role="owner", holder="bob", public_key_pem=OTHER.public.pem)) == "applied"
    assert world.do(deposit, author=OTHER) == "applied"
    assert world.do(deposit, author=NEW) == "unknown_key"


def test_a_key_proves_itself_before_it_owns_an_account(world: World) -> None:
    assert own(world, proof="") == "bad_signature"
    assert own(world, proof=KEYS.bob.sign(b"alice", ENROLMENT)) == "bad_signature"
    assert own(world, proof=NEW.sign(b"bob", ENROLMENT)) == "bad_signature"
    assert own(world, key=KEYS.alice) == "key_taken"
    assert own(world, account_id="platform") == "malformed"
    arguments = OwnAccount(account_id="bob", public_key_pem=KEYS.bob.public.pem, proof=KEYS.bob.sign(b"bob", ENROLMENT))
    assert world.do(arguments, author=KEYS.bob) == "unknown_key"
    assert world.do(arguments, author=KEYS.controller) == "not_authorised"
