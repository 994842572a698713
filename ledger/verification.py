"""The proof of a ledger, whichever it is: from the first block on, all follows from what was signed.

What is replayed lies in a temporary file of SQLite's: a ledger may be larger than the memory.
"""

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import merge
from itertools import groupby, repeat
from typing import Any, Self

from chaincode.contracts import supply
from chaincode.contracts.errors import ContractError
from chaincode.contracts.execution import batch
from chaincode.embedded import store, submission
from chaincode.embedded.errors import StoreRefused
from chaincode.embedded.stub import SqliteStub
from ledger.errors import LedgerDamaged
from wire.errors import WireError
from wire.ledger.blocks import Block, TransactionRecord
from wire.ledger.genesis import GENESIS_TRANSACTION, Genesis

#: Hears how many blocks are proved, of how many.
Progress = Callable[[int, int], None]
_STORED, _REPLAYED = "stored", "replayed"


def unheard(_proved: int, _height: int) -> None:
    """Let nobody hear how far a proof is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What was proved."""

    blocks: int
    transactions: int
    operations: int
    #: Of the newest block: two ledgers with the same one are the same.
    hash: str


class Replay:
    """A replay in progress: the world state as it follows from the blocks so far."""

    def __init__(self, genesis: Genesis) -> None:
        self.state = sqlite3.connect("", isolation_level=None)
        for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", *store.SCHEMA):
            self.state.execute(statement)
        self.last: Block | None = None
        self.transactions = 0
        self._operations = 0
        self._genesis = genesis

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.state.close()

    @property
    def height(self) -> int:
        """How many blocks were replayed."""
        return self.last.number + 1 if self.last else 0

    def apply(self, block: Block, proved: Callable[[int, TransactionRecord], object] = lambda *_: None) -> None:
        """Replay a block's transactions; `proved` hears each with its place in the block, before it is written.

        :raises LedgerDamaged: when one has another outcome than the block says.
        """
        self.last = block
        for position, record in enumerate(block.transactions):
            try:
                self._prove(record)
            except (ContractError, StoreRefused, WireError) as error:
                raise self.damage(f"transaction {record.transaction_id}: {error}") from error
            proved(position, record)
            self.transactions += 1
            store.write_state(self.state, record.writes, block.number)

    def end(self) -> Verified:
        """Prove that the money adds up, and return what was proved.

        :raises LedgerDamaged: when it does not, or there was nothing to prove.
        """
        if self.last is None:
            raise LedgerDamaged("the ledger has no blocks")
        if drift := supply.drift(store.state_items(self.state, "")):
            raise self.damage(f"the sum of all money is {drift} micro-credits off")
        if holds := supply.unexplained_holds(store.state_items(self.state, "")):
            raise self.damage(f"held money without a job: {holds}")
        return Verified(
            blocks=self.height, transactions=self.transactions, operations=self._operations, hash=self.last.hash
        )

    def damage(self, what: str) -> LedgerDamaged:
        """Return what to raise about the newest block."""
        return LedgerDamaged(f"block {self.height - 1}: {what}")

    def _prove(self, record: TransactionRecord) -> None:
        if record.transaction_id == GENESIS_TRANSACTION:
            if self.transactions or record.writes != self._genesis.writes():
                raise self.damage("does not follow from the given genesis")
            return
        signed = submission.verified(self.state, record.envelope)
        told = (record.transaction_id, record.creator, record.timestamp_ms)
        if told != (signed.body.transaction_id, signed.creator, signed.body.timestamp_ms):
            raise self.damage(f"transaction {record.transaction_id} is not what its submitter signed")
        stub = SqliteStub(
            connection=self.state,
            transaction_id=record.transaction_id,
            timestamp_ms=record.timestamp_ms,
            creator=record.creator,
        )
        outcome = batch.run(stub, signed.body.operations)
        if (outcome.results, outcome.writes, outcome.events) != (record.results, record.writes, record.events):
            raise self.damage(f"transaction {record.transaction_id} has another outcome when it is replayed")
        self._operations += len(outcome.results)


def differing(stored: Iterable[tuple[str, Any]], replayed: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the stored values that are not the replayed ones, both in the order of keys; None for a missing one."""
    sides = (zip(repeat(_STORED), stored, strict=False), zip(repeat(_REPLAYED), replayed, strict=False))
    found: dict[str, Any] = {}
    for key, group in groupby(merge(*sides, key=_key), key=_key):
        values = {side: value for side, (_, value) in group}
        if values.get(_STORED) != values.get(_REPLAYED):
            found[key] = values.get(_STORED)
    return found


def _key(item: tuple[str, tuple[str, Any]]) -> str:
    return item[1][0]
