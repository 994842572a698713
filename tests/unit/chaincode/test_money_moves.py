"""Transfers, deposits that come back, payouts, and credits that are folded."""

from collections.abc import Callable

import pytest

from chaincode.contracts import accounts
from tests.support.ledger import CREDIT, KEYS, World
from wire.ledger import state_keys
from wire.ledger.clocks import CLAIM_MS, LONGEST_PAY_MS, NOTICE_MS
from wire.ledger.operations import AskPayout, BurnPayout, Fold, GiveNotice, RefusePayout, Transfer, WithdrawDeposit
from wire.ledger.records import AccountRecord, PayoutRecord, Supply
from wire.ledger.states import PayoutState
from wire.money import MAX_MICRO


def transfer(world: World, source: str, target: str, credits_: int) -> str:
    arguments = Transfer(account_id=source, to_account_id=target, amount_micro=credits_ * CREDIT)
    return world.do(arguments, author=KEYS.custody)


def ask(world: World, account_id: str = "alice", credits_: int = 100, payout_id: str = "p1") -> str:
    arguments = AskPayout(payout_id=payout_id, account_id=account_id, amount_micro=credits_ * CREDIT)
    return world.do(arguments, author=KEYS.custody)


def earn(world: World, times: int) -> None:
    for number in range(times):
        world.create(f"earn{number}", max_ms=1_000)
        world.receipt(f"earn{number}", run_ms=1_000)
        world.confirm(f"earn{number}")


def test_money_is_transferred_between_accounts(world: World) -> None:
    assert transfer(world, "bob", "alice", 5) == "applied"

    assert (world.owns("bob"), world.owns("alice")) == (595 * CREDIT, 605 * CREDIT)
    assert world.books() == (0, {})


@pytest.mark.parametrize(
    ("target", "amount", "reason"),
    [
        ("nobody", CREDIT, "unknown_account"),
        ("bob", CREDIT, "malformed"),
        ("platform", CREDIT, "malformed"),
        ("alice", 501 * CREDIT, "available_too_low"),
        ("alice", 0, "malformed"),
        ("alice", -1, "malformed"),
        ("alice", MAX_MICRO + 1, "malformed"),
        ("alice", 2**63, "malformed"),
        ("", CREDIT, "malformed"),
    ],
)
def test_a_transfer_that_makes_no_sense_is_refused(world: World, target: str, amount: int, reason: str) -> None:
    arguments = Transfer(account_id="bob", to_account_id=target, amount_micro=amount)

    assert world.do(arguments, author=KEYS.custody) == reason


def test_nobody_transfers_anothers_money(world: World) -> None:
    arguments = Transfer(account_id="bob", to_account_id="alice", amount_micro=1)
    for key in (KEYS.controller, KEYS.treasury, KEYS.alice, KEYS.ours, KEYS.peers):
        assert world.do(arguments, author=key) == "not_authorised"


def test_a_deposit_is_not_transferred_or_paid_out(world: World) -> None:
    assert transfer(world, "bob", "alice", 501) == "available_too_low"
    assert ask(world, "bob", 501) == "available_too_low"


def test_the_platforms_and_the_peers_money_is_their_organisations(world: World) -> None:
    world.mint("platform", 5)
    world.mint("peers", 5)
    for account_id, owner, others in (("platform", KEYS.ours, KEYS.peers), ("peers", KEYS.peers, KEYS.ours)):
        arguments = Transfer(account_id=account_id, to_account_id="alice", amount_micro=CREDIT)
        for key in (others, KEYS.custody, KEYS.controller):
            assert world.do(arguments, author=key) == "not_authorised"
        assert world.do(arguments, author=owner) == "applied"


def test_anyone_may_add_to_the_bond(world: World) -> None:
    assert transfer(world, "bob", "bond", 5) == "applied"
    assert world.owns("bond") == 5 * CREDIT


def test_earned_credits_are_folded_when_they_are_needed(world: World) -> None:
    earn(world, 3)
    assert world.account("alice").available == 600 * CREDIT

    assert transfer(world, "alice", "kate", 603) == "applied"

    assert world.account("alice") == AccountRecord()
    assert list(world.ledger.items(state_keys.delta_prefix("alice"))) == []
    assert world.books() == (0, {})


def test_the_recorder_folds_credits_a_bounded_number_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "FOLDED_AT_ONCE", 2)
    earn(world, 3)

    assert world.do(Fold(account_id="alice")) == "applied"
    assert world.account("alice").available == 602 * CREDIT
    assert world.do(Fold(account_id="alice")) == "applied"
    assert world.do(Fold(account_id="alice")) == "applied"
    assert world.account("alice").available == 603 * CREDIT
    assert world.do(Fold(account_id="alice"), author=KEYS.alice) == "not_authorised"
    assert world.books() == (0, {})


def test_a_deposit_comes_back_after_a_notice_longer_than_the_longest_claim(world: World) -> None:
    assert NOTICE_MS > LONGEST_PAY_MS + CLAIM_MS
    notice = GiveNotice(account_id="bob", amount_micro=90 * CREDIT)
    withdraw = WithdrawDeposit(account_id="bob")
    assert world.do(withdraw, author=KEYS.custody) == "no_notice"
    assert world.do(notice, author=KEYS.custody) == "applied"
    assert world.do(notice, author=KEYS.custody) == "notice_given"
    world.create()

    world.now_ms += NOTICE_MS - 1
    assert world.do(withdraw, author=KEYS.custody) == "too_early"
    world.now_ms += 1
    for key in (KEYS.controller, KEYS.alice, KEYS.treasury):
        assert world.do(withdraw, author=key) == "not_authorised"
        assert world.do(notice, author=key) == "not_authorised"
    assert world.do(withdraw, author=KEYS.custody) == "applied"

    # Jobs had spent from it meanwhile: 20 of the 100 are held.
    assert world.account("bob") == AccountRecord(available=580 * CREDIT, deposit=0, held=20 * CREDIT)
    assert world.do(withdraw, author=KEYS.custody) == "no_notice"
    assert world.books() == (0, {})


def test_a_payout_is_asked_for_held_approved_and_burned(world: World) -> None:
    assert ask(world) == "applied"
    assert world.account("alice") == AccountRecord(available=500 * CREDIT, held=100 * CREDIT)
    assert world.books() == (0, {})

    assert world.enact(BurnPayout(payout_id="p1", reference="bank-out-1"), by=KEYS.treasury) == "applied"

    assert world.account("alice") == AccountRecord(available=500 * CREDIT)
    assert world.get(Supply, state_keys.supply()).burned == 100 * CREDIT
    assert world.get(PayoutRecord, state_keys.payout("p1")).state is PayoutState.BURNED
    assert world.enact(BurnPayout(payout_id="p1", reference="bank-out-2"), by=KEYS.treasury) == "wrong_state"
    assert world.books() == (0, {})


def test_a_payout_that_is_not_paid_goes_back_to_available(world: World) -> None:
    ask(world)
    refusal = RefusePayout(payout_id="p1", reason="the bank account does not exist")
    for key in (KEYS.custody, KEYS.ours, KEYS.controller):
        assert world.do(refusal, author=key) == "not_authorised"

    assert world.do(refusal, author=KEYS.treasury) == "applied"

    assert world.account("alice") == AccountRecord(available=600 * CREDIT)
    assert world.do(refusal, author=KEYS.treasury) == "wrong_state"
    assert world.books() == (0, {})


def test_money_is_burned_by_nobody_alone_and_a_reference_counts_once(world: World) -> None:
    ask(world)
    ask(world, payout_id="p2")
    burn = BurnPayout(payout_id="p1", reference="bank-out-1")
    for key in (KEYS.ours, KEYS.custody, KEYS.controller, KEYS.peers):
        assert world.do(burn, author=key) == "not_authorised"
    assert world.do(burn, author=KEYS.treasury) == "applied"
    assert world.get(PayoutRecord, state_keys.payout("p1")).state is PayoutState.ASKED
    assert world.enact(burn, by=KEYS.treasury) == "applied"

    again = BurnPayout(payout_id="p2", reference="bank-out-1")
    assert world.enact(again, by=KEYS.treasury) == "reference_used"
    assert world.enact(BurnPayout(payout_id="p9", reference="r"), by=KEYS.treasury) == "unknown_payout"


def test_a_payout_is_asked_for_once_by_its_owner_and_covered(world: World) -> None:
    assert ask(world, credits_=601) == "available_too_low"
    assert ask(world) == "applied"
    assert ask(world) == "payout_exists"
    arguments = AskPayout(payout_id="p3", account_id="alice", amount_micro=1)
    for key in (KEYS.alice, KEYS.controller, KEYS.treasury):
        assert world.do(arguments, author=key) == "not_authorised"


@pytest.mark.parametrize("account_id", ["", "a~b", "x" * 81])
@pytest.mark.parametrize(
    "make",
    [
        lambda account_id: Transfer(account_id=account_id, to_account_id="alice", amount_micro=1),
        lambda account_id: AskPayout(payout_id="p", account_id=account_id, amount_micro=1),
        lambda account_id: GiveNotice(account_id=account_id, amount_micro=1),
        lambda account_id: WithdrawDeposit(account_id=account_id),
    ],
)
def test_an_account_has_a_proper_id(world: World, make: Callable[[str], Transfer], account_id: str) -> None:
    assert world.do(make(account_id), author=KEYS.custody) == "malformed"
