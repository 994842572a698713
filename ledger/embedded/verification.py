"""The proof of an embedded ledger: a replay, and that its file holds the chain of signed blocks and nothing else."""

import sqlite3
from collections.abc import Iterator

from chaincode.embedded import chain, store, submission
from chaincode.embedded.errors import StoreRefused
from chaincode.embedded.first import first_record, genesis_of
from ledger.embedded.ledger import EmbeddedReader
from ledger.errors import LedgerDamaged
from ledger.verification import Progress, Replay, Verified, differing, unheard
from wire.errors import WireError
from wire.ledger.blocks import Block, TransactionRecord
from wire.ledger.genesis import Genesis
from wire.signing import BLOCK, PublicKey


def verify(ledger: EmbeddedReader, genesis: Genesis, progress: Progress = unheard) -> Verified:
    """Prove a ledger as it is at this moment.

    :raises LedgerDamaged: naming the block and what is wrong with it.
    """
    with ledger.snapshot() as connection, Replay(genesis) as replay:
        proof = _Proof(connection, genesis, replay)
        try:
            height, _ = store.count(connection)
            for number in range(height):
                proof.block(number)
                progress(number + 1, height)
            proof.nothing_else()
        except (sqlite3.Error, StoreRefused, WireError) as error:
            raise LedgerDamaged(f"block {proof.number}: {error}") from error
        return replay.end()


class _Proof:
    """A file and its replay."""

    def __init__(self, connection: sqlite3.Connection, genesis: Genesis, replay: Replay) -> None:
        self.number = 0
        self._connection = connection
        self._genesis = genesis
        self._key = PublicKey.from_pem(genesis.block_key_pem)
        self._replay = replay
        self._previous_hash = chain.NO_HASH

    def block(self, number: int) -> None:
        """Prove one block."""
        self.number = number
        found = store.read_blocks(self._connection, number, 1)
        if not found or found[0].number != number:
            raise self._damage("is missing")
        block = found[0]
        self._chained(block)
        rows = store.rows_of(self._connection, number)

        def stored_as_written(position: int, record: TransactionRecord) -> None:
            submission.in_time(record.timestamp_ms, block.timestamp_ms)
            earlier = store.written_at(self._replay.state, tuple(record.writes))
            if rows[position] != store.row_of(record, number, position, earlier):
                raise self._damage(f"transaction {record.transaction_id} is not stored as it was written")

        self._replay.apply(block, stored_as_written)
        self._previous_hash = block.hash

    def nothing_else(self) -> None:
        """Prove that the file has no other transactions and no other world state."""
        if store.count(self._connection)[1] != self._replay.transactions:
            raise self._damage("is followed by transactions of no block")
        if found := differing(_state(self._connection), _state(self._replay.state)):
            key = min(found)
            number = store.written_at(self._replay.state, [key]).get(key, self.number)
            raise LedgerDamaged(f"block {number}: the world state differs from the blocks at {key}")

    def _chained(self, block: Block) -> None:
        if block.previous_hash != self._previous_hash:
            raise self._damage("does not name the hash of the block before")
        if block.hash != chain.block_hash(block):
            raise self._damage("was altered: its hash is another")
        if block.number == 0:
            self._first(block)
        if self._key.verify(block.signature, BLOCK) != block.hash.encode():
            raise self._damage("is signed for another hash")

    def _first(self, block: Block) -> None:
        if len(block.transactions) != 1:
            raise self._damage("is not a first block")
        if genesis_of(block.transactions[0]) != self._genesis:
            raise self._damage("holds another genesis than the given one")
        if block.transactions[0] != first_record(self._genesis, block.transactions[0]):
            raise self._damage("does not follow from its genesis")

    def _damage(self, what: str) -> LedgerDamaged:
        return LedgerDamaged(f"block {self.number}: {what}")


def _state(connection: sqlite3.Connection) -> Iterator[tuple[str, tuple[str, int]]]:
    return ((key, (value, number)) for key, value, number in store.state_rows(connection, ""))
