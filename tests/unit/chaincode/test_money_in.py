"""Money comes in by the treasury against a reference, and becomes a deposit by custody."""

import json
from typing import Any

import pytest

from tests.support.ledger import CREDIT, KEYS, World
from wire.ledger import state_keys
from wire.ledger.operations import Deposit, Mint
from wire.ledger.records import AccountRecord, Supply
from wire.money import MAX_MICRO

KINDS = (Mint(account_id="bob", amount_micro=5, reference="wire-x"), Deposit(account_id="bob", amount_micro=5))


def test_the_treasury_mints_against_a_reference_once(world: World) -> None:
    assert world.mint("bob", 5, "bank-1") == "applied"
    assert world.mint("bob", 5, "bank-1") == "reference_used"
    assert world.mint("alice", 7, "bank-1") == "reference_used"

    assert world.account("bob").available == 505 * CREDIT
    assert world.get(Supply, state_keys.supply()) == Supply(minted=2405 * CREDIT)
    assert [event.name for event in world.events[-2:]] == ["account.minted.v1", "proposal.enacted.v1"]
    assert world.books() == (0, {})


def test_only_the_treasury_mints_and_only_custody_deposits(world: World) -> None:
    mint, deposit = KINDS
    for key in (KEYS.controller, KEYS.custody, KEYS.ours, KEYS.peers, KEYS.alice, KEYS.root):
        assert world.do(mint, by=key) == "not_authorised"
    for key in (KEYS.controller, KEYS.treasury, KEYS.ours, KEYS.peers, KEYS.alice, KEYS.root):
        assert world.do(deposit, author=key) == "not_authorised"


def test_there_is_never_more_money_than_the_ledger_counts(world: World) -> None:
    mint = Mint(account_id="bob", amount_micro=MAX_MICRO - 2400 * CREDIT, reference="much")
    assert world.enact(mint, by=KEYS.treasury) == "applied"
    assert world.mint("bob", 1) == "supply_too_large"


def test_a_deposit_takes_no_more_than_is_available(world: World) -> None:
    assert world.deposit("bob", 501) == "available_too_low"
    assert world.deposit("nobody", 1) == "available_too_low"
    assert world.deposit("bob", 500) == "applied"
    assert world.account("bob") == AccountRecord(deposit=600 * CREDIT)


@pytest.mark.parametrize("amount", [0, -1, MAX_MICRO + 1, 2**63, 2**200, 1.0, 1.5, True, "5", None, [5], {}])
@pytest.mark.parametrize("arguments", KINDS, ids=lambda arguments: arguments.kind)
def test_an_amount_that_is_none_is_refused_by_name(world: World, arguments: Any, amount: Any) -> None:
    plain = {name: getattr(arguments, name) for name in arguments.__slots__} | {"amount_micro": amount}
    kind = arguments.kind
    text = json.dumps({"operation_id": f"{kind}:1", "kind": kind, "arguments": plain})

    (result,) = world.run(text, by=KEYS.treasury if kind == "account.mint" else KEYS.custody)

    assert result.reason == "malformed"
    assert "amount_micro" in result.detail


@pytest.mark.parametrize("reference", ["", "a~b", "a b", "x" * 81, "ä", "\ud800"])
def test_a_reference_is_an_identifier(world: World, reference: str) -> None:
    plain = {"account_id": "bob", "amount_micro": 1, "reference": reference}
    text = json.dumps({"operation_id": "account.mint:1", "kind": "account.mint", "arguments": plain})

    assert world.send(text, by=KEYS.treasury) == "malformed"
