"""The embedded ledger: one writer that turns each signed transaction into a block."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from chaincode.contracts.execution import batch
from chaincode.contracts.submission import SignedTransaction
from chaincode.embedded import chain, first, store, submission
from chaincode.embedded.errors import LedgerExists, StoreDamaged, StoreRefused
from chaincode.embedded.lock import WriterLock
from chaincode.embedded.reader import StoreReader
from chaincode.embedded.stub import SqliteStub
from wire.ledger.blocks import TransactionRecord
from wire.ledger.genesis import Genesis
from wire.signing import PublicKey, SigningKey, payload_of

#: Milliseconds since 1970.
Clock = Callable[[], int]


def system_clock() -> int:
    """Return the machine's time."""
    return time.time_ns() // 1_000_000


class EmbeddedLedger(StoreReader):
    """A ledger that this process writes to. Threads may share it."""

    def __init__(self, path: Path, block_key: SigningKey, clock: Clock, lock: WriterLock) -> None:
        super().__init__(path, store.connect_writer(path))
        self._block_key = block_key
        self._clock = clock
        self._lock = lock
        if PublicKey.from_pem(self.genesis.block_key_pem).key_id != block_key.public.key_id:
            self._connection.close()
            raise StoreDamaged(f"{path} is signed by another block key than the given one")

    @classmethod
    def create(cls, path: Path, genesis: Genesis, block_key: SigningKey, clock: Clock = system_clock) -> None:
        """Write a new ledger's first block. A crash leaves either that or nothing.

        :raises LedgerExists: when there is a ledger in this file.
        :raises StoreInUse: when another process writes to it.
        :raises BadGenesis: when the genesis names another block key.
        """
        now = clock()
        record = first.genesis_record(genesis.checked(), now, block_key)
        lock = WriterLock(path)
        try:
            with closing(store.connect_writer(path)) as connection, store.transaction(connection):
                if store.is_ledger(connection):
                    raise LedgerExists(f"there is a ledger in {path}")
                store.make_tables(connection)
                block = chain.next_block(None, timestamp_ms=now, transactions=[record], key=block_key)
                store.write_block(connection, block)
        finally:
            lock.release()

    @classmethod
    def open(cls, path: Path, block_key: SigningKey, clock: Clock = system_clock) -> "EmbeddedLedger":
        """Open a ledger to write to it.

        :raises StoreMissing: when there is none.
        :raises StoreInUse: when another process writes to it; the message names that one.
        """
        store.connect_reader(path).close()
        lock = WriterLock(path)
        try:
            return cls(path, block_key, clock, lock)
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Let go of the file and of the right to write to it."""
        super().close()
        self._lock.release()

    def submit(self, envelope: str) -> TransactionRecord:
        """Turn one signed transaction into a block and return what became of each of its operations.

        The same transaction again returns what was recorded.

        :raises StoreRefused: when it is no part of the ledger for what is in it.
        """
        with self._mutex, store.transaction(self._connection):
            submitted = submission.verified(self._connection, envelope)
            known = store.read_transaction(self._connection, submitted.body.transaction_id)
            if known is None:
                return self._append(envelope, submitted)
            if payload_of(known.envelope) != payload_of(envelope) or known.creator != submitted.creator:
                raise StoreRefused(f"transaction {known.transaction_id} was recorded with other content")
            return known

    def _append(self, envelope: str, submitted: SignedTransaction) -> TransactionRecord:
        now = self._clock()
        submission.in_time(submitted.body.timestamp_ms, now)
        stub = SqliteStub(
            connection=self._connection,
            transaction_id=submitted.body.transaction_id,
            timestamp_ms=submitted.body.timestamp_ms,
            creator=submitted.creator,
        )
        outcome = batch.run(stub, submitted.body.operations)
        record = TransactionRecord(
            transaction_id=stub.transaction_id,
            creator=stub.creator,
            timestamp_ms=stub.timestamp_ms,
            envelope=envelope,
            results=outcome.results,
            writes=outcome.writes,
            events=outcome.events,
        )
        previous = store.last_block(self._connection)
        block = chain.next_block(previous, timestamp_ms=now, transactions=[record], key=self._block_key)
        store.write_block(self._connection, block)
        return record
