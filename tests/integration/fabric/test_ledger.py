"""The portal's ledger on a real Fabric network: jobs, blocks, repetition, and many submitters at once."""

import itertools
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from ledger.errors import ReadConflict, TransactionRefused
from ledger.fabric.ledger import FabricLedger, FabricReader
from tests.support.fabric.network import FabricNetwork, transaction
from tests.support.ledger import KEYS, MINUTE, World
from tests.support.waiting import wait_for
from wire.ledger import state_keys
from wire.ledger.blocks import Block
from wire.ledger.genesis import GENESIS_TRANSACTION
from wire.ledger.operations import Deposit, operation_text
from wire.signing import OPERATION


def deposit(name: str) -> str:
    text = operation_text(f"account.deposit:{name}", Deposit(account_id="bob", amount_micro=1))
    return KEYS.custody.sign(text.encode(), OPERATION)


def all_blocks(ledger: FabricReader, first: int = 0) -> list[Block]:
    height = ledger.height
    found: list[Block] = []

    def complete() -> bool:
        found.extend(ledger.blocks(first + len(found), 8))
        return first + len(found) >= height

    wait_for(f"{height} blocks", complete, 60)
    return found


def test_many_keys_are_read_at_once_and_the_rest_page_by_page(world: World, ledger: FabricLedger) -> None:
    world.mint("bob", 1)
    known = [state_keys.supply(), state_keys.account("bob")]

    assert sorted(ledger.get_many([*known, "nothing"])) == sorted(known)
    everything = list(ledger.items(""))
    assert ledger.page("") == everything
    assert ledger.page(everything[-2][0]) == everything[-1:]


def test_two_threads_read_blocks_each_at_its_own_place(world: World, ledger: FabricLedger) -> None:
    for _ in range(4):
        world.mint("bob", 1)
    height = ledger.height

    def numbers(first: int) -> list[int]:
        return [wait_for("a block", partial(ledger.blocks, number, 1), 60)[0].number for number in range(first, height)]

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(numbers, (height - 8, height - 5)))

    assert found == [list(range(height - 8, height)), list(range(height - 5, height))]


def test_a_job_is_created_receipted_confirmed_and_paid(world: World) -> None:
    job_id = f"job-{secrets.token_hex(4)}"
    soon = world.now_ms + 60 * MINUTE

    assert world.create(job_id, pay_until_ms=soon) == "applied"
    assert world.receipt(job_id) == "applied"
    assert world.confirm(job_id) == "applied"

    assert world.job(job_id).cost_micro == 12_000_000
    assert world.books() == (0, {})


def test_blocks_from_the_first_on_give_the_world_state(world: World, ledger: FabricLedger) -> None:
    world.mint("bob", 1)
    state: dict[str, str] = {}
    transactions: list[str] = []
    blocks = all_blocks(ledger)
    for block in blocks:
        for record in block.transactions:
            transactions.append(record.transaction_id)
            for key, value in record.writes.items():
                state[key] = value or ""

    assert {key: value for key, value in state.items() if value} == dict(ledger.items(""))
    assert transactions[0] == GENESIS_TRANSACTION
    assert len(set(transactions)) == len(transactions)
    for before, after in itertools.pairwise(blocks):
        assert (after.number, after.previous_hash) == (before.number + 1, before.hash)


def test_both_organisations_see_the_same_blocks(fabric_network: FabricNetwork, ledger: FabricLedger) -> None:
    ours = all_blocks(ledger)
    with fabric_network.ledger("peers", "authority") as theirs:
        assert all_blocks(theirs)[: len(ours)] == ours[: len(all_blocks(theirs))]


def test_reading_goes_on_from_any_block(world: World, ledger: FabricLedger) -> None:
    middle = ledger.height // 2
    first = all_blocks(ledger, middle)
    world.mint("bob", 1)
    later = all_blocks(ledger, middle + len(first))

    assert first[0].number == middle
    assert later[0].previous_hash == first[-1].hash


def test_a_committed_transaction_is_found_by_its_id(ledger: FabricLedger) -> None:
    record = ledger.submit(transaction(KEYS.controller, [deposit(secrets.token_hex(8))]))

    assert ledger.transaction(record.transaction_id) == record
    assert ledger.transaction("unknown") is None
    assert record.events[0].name == "account.deposited.v1"


def test_the_same_transaction_again_returns_what_was_recorded(
    fabric_network: FabricNetwork, ledger: FabricLedger
) -> None:
    envelope = transaction(KEYS.controller, [deposit(secrets.token_hex(8))])
    record = ledger.submit(envelope)

    assert ledger.submit(envelope) == record
    with fabric_network.ledger("peers", "operator") as somebody_else:
        assert somebody_else.submit(envelope) == record


def test_the_same_id_with_other_content_is_refused(ledger: FabricLedger) -> None:
    record = ledger.submit(transaction(KEYS.controller, [deposit(secrets.token_hex(8))]))
    other = transaction(KEYS.controller, [deposit(secrets.token_hex(8))], transaction_id=record.transaction_id)

    with pytest.raises(TransactionRefused, match="other content"):
        ledger.submit(other)


def test_the_genesis_lies_on_the_ledger(ledger: FabricLedger) -> None:
    assert ledger.get(state_keys.genesis()) == KEYS.genesis().text()
    assert ledger.get("no such key") is None
    assert dict(ledger.items("fee")) == {state_keys.fee_policy(): ledger.get(state_keys.fee_policy())}


def test_sixteen_submitters_at_once_lose_and_double_nothing(world: World, ledger: FabricLedger) -> None:
    before, series = world.account("bob"), secrets.token_hex(8)

    def submit(number: int) -> str:
        """Move a little of one account's money: all write the same balance."""
        return ledger.submit(transaction(KEYS.controller, [deposit(f"{series}-{number}")])).results[0].status

    # A read conflict changes nothing, and the same operation may go out again.
    done = 0
    with ThreadPoolExecutor(16) as pool:
        waiting = list(range(64))
        while waiting:
            outcomes = list(pool.map(lambda number: _try(submit, number), waiting))
            waiting = [number for number, outcome in zip(waiting, outcomes, strict=True) if outcome is None]
            done += len(outcomes) - len(waiting)

    assert done == 64
    assert world.account("bob").deposit == before.deposit + 64
    assert world.books() == (0, {})


def _try(submit: Callable[[int], str], number: int) -> str | None:
    try:
        return submit(number)
    except ReadConflict:
        return None


def test_custody_moves_money_only_by_its_signature(world: World, ledger: FabricLedger) -> None:
    arguments = Deposit(account_id="bob", amount_micro=1)
    text = operation_text(f"account.deposit:{secrets.token_hex(8)}", arguments)

    refused = ledger.submit(transaction(KEYS.controller, [text])).results[0]

    assert refused.reason == "not_authorised"
    assert world.do(arguments, author=KEYS.custody, name=secrets.token_hex(8)) == "applied"
