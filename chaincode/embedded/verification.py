"""The proof of an embedded ledger: from the first block on, all follows from what was signed.

What it proves: docs/architecture.md, "Operations and replay".
"""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from chaincode.contracts import supply
from chaincode.contracts.errors import ContractError
from chaincode.contracts.execution import batch
from chaincode.embedded import chain, store, submission
from chaincode.embedded.errors import LedgerDamaged, TransactionRefused
from chaincode.embedded.first import first_record, genesis_of
from chaincode.embedded.stub import SqliteStub
from wire.errors import WireError
from wire.ledger.blocks import Block, TransactionRecord
from wire.ledger.genesis import Genesis
from wire.signing import BLOCK, PublicKey

#: Hears how many blocks are proved, of how many.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What was proved."""

    blocks: int
    transactions: int
    operations: int
    #: Of the newest block: two ledgers with the same one are the same.
    hash: str


def verify(connection: sqlite3.Connection, progress: Progress, genesis: Genesis | None = None) -> Verified:
    """Replay a ledger beside itself and compare.

    `genesis`, when given, is what the ledger has to begin with: without it, a file forged from the start passes.

    :raises LedgerDamaged: naming the block and what is wrong with it.
    """
    proof = _Proof(connection, genesis)
    try:
        height, _ = store.count(connection)
        for number in range(height):
            proof.block(number)
            progress(number + 1, height)
        proof.end()
    except (sqlite3.Error, ContractError, TransactionRefused, WireError) as error:
        raise LedgerDamaged(f"block {proof.number}: {error}") from error
    finally:
        proof.shadow.close()
    return Verified(
        blocks=height, transactions=proof.transactions, operations=proof.operations, hash=proof.previous_hash
    )


class _Proof:
    """A replay in progress."""

    def __init__(self, connection: sqlite3.Connection, genesis: Genesis | None) -> None:
        self.connection = connection
        #: The world state as it follows from the blocks, in a temporary file of SQLite's.
        self.shadow = sqlite3.connect("", isolation_level=None)
        for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", *store.SCHEMA):
            self.shadow.execute(statement)
        self.expected = genesis
        self.key: PublicKey | None = None
        self.number = 0
        self.previous_hash = chain.NO_HASH
        self.transactions = 0
        self.operations = 0

    def block(self, number: int) -> None:
        """Prove one block and apply it to the shadow."""
        self.number = number
        found = store.read_blocks(self.connection, number, 1)
        if not found or found[0].number != number:
            raise self._damage("is missing")
        block = found[0]
        self._chained(block)
        rows = store.rows_of(self.connection, number)
        for position, (record, row) in enumerate(zip(block.transactions, rows, strict=True)):
            if number:
                self._replayed(block, record)
            earlier = store.written_at(self.shadow, tuple(record.writes))
            if row != store.row_of(record, number, position, earlier):
                raise self._damage(f"transaction {record.transaction_id} is not stored as it was written")
            self._apply(record)
        self.previous_hash = block.hash

    def end(self) -> None:
        """Prove that the file holds nothing else, and that the money adds up."""
        if store.count(self.connection)[1] != self.transactions:
            raise self._damage("is followed by transactions of no block")
        for stored, replayed in zip_longest(*self._states()):
            if stored != replayed:
                key = min(item[0] for item in (stored, replayed) if item)
                raise LedgerDamaged(f"block {self._origin(key)}: the world state differs from the blocks at {key}")
        if drift := supply.drift(store.state_items(self.shadow, "")):
            raise self._damage(f"the sum of all money is {drift} micro-credits off")
        if holds := supply.unexplained_holds(store.state_items(self.shadow, "")):
            raise self._damage(f"held money without a job: {holds}")

    def _chained(self, block: Block) -> None:
        if block.previous_hash != self.previous_hash:
            raise self._damage("does not name the hash of the block before")
        if block.hash != chain.block_hash(block):
            raise self._damage("was altered: its hash is another")
        if self.key is None:
            self.key = self._first(block)
        if self.key.verify(block.signature, BLOCK) != block.hash.encode():
            raise self._damage("is signed for another hash")

    def _first(self, block: Block) -> PublicKey:
        if len(block.transactions) != 1:
            raise self._damage("is not a first block")
        genesis = genesis_of(block.transactions[0])
        if self.expected and genesis != self.expected:
            raise self._damage("holds another genesis than the given one")
        if block.transactions[0] != first_record(genesis, block.transactions[0]):
            raise self._damage("does not follow from its genesis")
        return PublicKey.from_pem(genesis.block_key_pem)

    def _replayed(self, block: Block, record: TransactionRecord) -> None:
        signed = submission.verified(self.shadow, record.envelope)
        submission.in_time(signed.body, block.timestamp_ms)
        told = (record.transaction_id, record.creator, record.timestamp_ms)
        if told != (signed.body.transaction_id, signed.creator, signed.body.timestamp_ms):
            raise self._damage(f"transaction {record.transaction_id} is not what its submitter signed")
        stub = SqliteStub(
            connection=self.shadow,
            transaction_id=record.transaction_id,
            timestamp_ms=record.timestamp_ms,
            creator=record.creator,
        )
        outcome = batch.run(stub, signed.body.operations)
        if (outcome.results, outcome.writes, outcome.events) != (record.results, record.writes, record.events):
            raise self._damage(f"transaction {record.transaction_id} has another outcome when it is replayed")
        self.operations += len(outcome.results)

    def _apply(self, record: TransactionRecord) -> None:
        self.transactions += 1
        store.write_state(self.shadow, record.writes, self.number)

    def _states(self) -> tuple[Iterator[tuple[str, str, int]], ...]:
        return store.state_rows(self.connection, ""), store.state_rows(self.shadow, "")

    def _origin(self, key: str) -> int:
        return store.written_at(self.shadow, [key]).get(key, self.number)

    def _damage(self, what: str) -> LedgerDamaged:
        return LedgerDamaged(f"block {self.number}: {what}")
