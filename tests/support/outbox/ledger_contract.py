"""What every ledger behind the portal's port does: the fake in memory and the embedded one pass the same suite."""

import pytest

from ledger.errors import Retry, TransactionRefused
from ledger.ports import Ledger
from portal.keys import AUTHORITIES, KeyName
from tests.support.outbox.market import ManualClock, signing_keys
from wire import signing
from wire.codec import encode
from wire.ledger import state_keys
from wire.ledger.blocks import OperationStatus, TransactionBody, TransactionRecord
from wire.ledger.operations import Approve, Deposit, Mint, operation_text
from wire.signing import SigningKey


def mint(reference: str, *, amount: int = 5) -> str:
    arguments = Mint(account_id="a-1", amount_micro=amount, reference=reference)
    text = operation_text(f"account.mint:{reference}", arguments)
    return signing_keys()[KeyName.TREASURY].sign(text.encode(), signing.OPERATION)


def minted(reference: str, *, amount: int = 5) -> tuple[str, ...]:
    """Return a mint with both organisations' approvals, which make it count."""
    proposal = mint(reference, amount=amount)
    return (proposal, *(_approval(proposal, reference, name) for name in AUTHORITIES.values()))


def _approval(proposal: str, reference: str, name: KeyName) -> str:
    digest = signing.sha256_hex(signing.payload_of(proposal))
    arguments = Approve(proposal_id=f"account.mint:{reference}", digest=digest)
    organisation = next(organisation for organisation, key in AUTHORITIES.items() if key is name)
    text = operation_text(f"proposal.approve:{organisation}:{reference}", arguments)
    return signing_keys()[name].sign(text.encode(), signing.OPERATION)


def deposit(deposit_id: str, *, amount: int) -> str:
    text = operation_text(f"account.deposit:{deposit_id}", Deposit(account_id="a-1", amount_micro=amount))
    return signing_keys()[KeyName.CUSTODY].sign(text.encode(), signing.OPERATION)


class LedgerContract:
    """Subclasses bring the fixtures `ledger` and `clock`."""

    def envelope(self, clock: ManualClock, transaction_id: str, *operations: str, key: SigningKey | None = None) -> str:
        body = TransactionBody(transaction_id=transaction_id, timestamp_ms=clock.ms(), operations=operations)
        return (key or signing_keys()[KeyName.RECORDER]).sign(encode(body), signing.TRANSACTION)

    def submit(self, ledger: Ledger, clock: ManualClock, transaction_id: str, *operations: str) -> TransactionRecord:
        return ledger.submit(self.envelope(clock, transaction_id, *operations))

    def test_a_new_ledger_has_one_block_with_its_genesis(self, ledger: Ledger) -> None:
        (first,) = ledger.blocks(0, 10)

        assert ledger.height == 1
        assert (first.number, first.transactions[0].transaction_id) == (0, "genesis")
        assert first.transactions[0].writes == dict(ledger.items(""))

    def test_a_transaction_becomes_a_block_of_the_chain(self, ledger: Ledger, clock: ManualClock) -> None:
        record = self.submit(ledger, clock, "t-1", mint("r-1"))

        genesis, block = ledger.blocks(0, 10)
        assert ledger.height == 2
        assert (block.number, block.previous_hash, block.transactions) == (1, genesis.hash, (record,))
        assert ledger.transaction("t-1") == record
        assert ledger.transaction("t-2") is None

    def test_blocks_are_read_in_portions(self, ledger: Ledger, clock: ManualClock) -> None:
        for number in range(3):
            self.submit(ledger, clock, f"t-{number}", mint(f"r-{number}"))

        assert [block.number for block in ledger.blocks(1, 2)] == [1, 2]
        assert [block.number for block in ledger.blocks(3, 2)] == [3]
        assert list(ledger.blocks(4, 2)) == []

    def test_each_operation_is_applied_or_refused_by_itself(self, ledger: Ledger, clock: ManualClock) -> None:
        self.submit(ledger, clock, "t-1", *minted("r-1"))
        record = self.submit(ledger, clock, "t-2", deposit("d-1", amount=9), deposit("d-2", amount=5))

        assert [result.status for result in record.results] == [OperationStatus.REFUSED, OperationStatus.APPLIED]
        assert record.results[0].reason == "available_too_low"
        assert ledger.get(state_keys.account("a-1")) == record.writes[state_keys.account("a-1")]

    def test_the_same_operation_again_changes_nothing(self, ledger: Ledger, clock: ManualClock) -> None:
        self.submit(ledger, clock, "t-1", mint("r-1"))
        before = dict(ledger.items(""))

        record = self.submit(ledger, clock, "t-2", mint("r-1"))

        assert record.results[0].status is OperationStatus.REPEATED
        assert dict(ledger.items("")) == before

    def test_the_same_transaction_again_is_answered_as_the_first_time(self, ledger: Ledger, clock: ManualClock) -> None:
        envelope = self.envelope(clock, "t-1", mint("r-1"))

        assert ledger.submit(envelope) == ledger.submit(envelope)
        assert ledger.height == 2

    def test_the_writes_of_all_blocks_make_the_world_state(self, ledger: Ledger, clock: ManualClock) -> None:
        self.submit(ledger, clock, "t-1", *minted("r-1"), *minted("r-2"))
        self.submit(ledger, clock, "t-2", deposit("d-1", amount=7))

        state: dict[str, str | None] = {}
        for block in ledger.blocks(0, 10):
            state.update(block.transactions[0].writes)
        assert list(ledger.items("")) == sorted(state.items())
        assert [key for key, _ in ledger.items("account~")] == [state_keys.account("a-1")]

    def test_a_strangers_transaction_is_refused(self, ledger: Ledger, clock: ManualClock) -> None:
        with pytest.raises(TransactionRefused) as refused:
            ledger.submit(self.envelope(clock, "t-1", mint("r-1"), key=SigningKey.generate()))

        assert refused.value.retry is Retry.NEVER
        assert ledger.height == 1

    def test_a_transaction_of_another_time_is_refused(self, ledger: Ledger, clock: ManualClock) -> None:
        envelope = self.envelope(clock, "t-1", mint("r-1"))
        clock.forward(seconds=61)

        with pytest.raises(TransactionRefused):
            ledger.submit(envelope)

    def test_an_altered_transaction_is_refused(self, ledger: Ledger, clock: ManualClock) -> None:
        header, _, signature = self.envelope(clock, "t-1", mint("r-1")).split(".")
        payload = self.envelope(clock, "t-1", mint("r-2")).split(".")[1]

        with pytest.raises(TransactionRefused):
            ledger.submit(f"{header}.{payload}.{signature}")
