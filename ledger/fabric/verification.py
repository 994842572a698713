"""The proof of a ledger on Fabric: blocks as the orderers signed them, and a replay from the first on.

What is replayed lies in a temporary file of SQLite's: a ledger may be larger than the memory. Nothing has to stand
still: what comes in meanwhile is replayed as well. What it proves: docs/architecture.md, "Operations and replay".
"""

import sqlite3
from collections.abc import Callable, Iterable
from typing import Protocol

from chaincode.contracts import supply
from chaincode.contracts.errors import ContractError
from chaincode.contracts.execution import batch
from chaincode.embedded import store, submission
from chaincode.embedded.errors import TransactionRefused
from chaincode.embedded.stub import SqliteStub
from chaincode.embedded.verification import Progress, Verified
from ledger.arriving import blocks_between
from ledger.errors import LedgerDamaged
from ledger.fabric.mapping import GENESIS_TRANSACTION
from ledger.ports import LedgerReader
from wire.codec import encode
from wire.errors import WireError
from wire.ledger.blocks import Block, TransactionRecord
from wire.ledger.genesis import Genesis

#: A peer that answers may be a block behind the one that answered before.
_COMPARISONS = 3


class PagedReader(LedgerReader, Protocol):
    """A ledger whose keys can be read without holding all of them."""

    def pages(self, prefix: str) -> Iterable[tuple[str, str]]:
        """Return keys and values in order, each as of some moment between the first and the last."""


class Replay:
    """A replay in progress."""

    def __init__(self, genesis: Genesis) -> None:
        self.state = sqlite3.connect("", isolation_level=None)
        for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", *store.SCHEMA):
            self.state.execute(statement)
        self.last: Block | None = None
        self.transactions = 0
        self.operations = 0
        self._genesis = genesis

    @property
    def height(self) -> int:
        """How many blocks were replayed."""
        return self.last.number + 1 if self.last else 0

    def apply(self, block: Block) -> None:
        """Replay a block's transactions.

        :raises LedgerDamaged: when one has another outcome than the block says.
        """
        self.last = block
        for record in block.transactions:
            try:
                self._prove(record)
            except (ContractError, TransactionRefused, WireError) as error:
                raise self.damage(f"transaction {record.transaction_id}: {error}") from error
            except _Differs as error:
                raise self.damage(f"transaction {record.transaction_id} {error}") from error
            self.transactions += 1
            store.write_state(self.state, record.writes, block.number)

    def check_money(self) -> None:
        """Prove that the money adds up.

        :raises LedgerDamaged: when it does not.
        """
        if drift := supply.drift(store.state_items(self.state, "")):
            raise self.damage(f"the sum of all money is {drift} micro-credits off")
        if holds := supply.unexplained_holds(store.state_items(self.state, "")):
            raise self.damage(f"held money without a job: {holds}")

    def differing(self, stored: Iterable[tuple[str, str]]) -> dict[str, str | None]:
        """Return the stored values that are not those of the replay; None for one that is missing."""
        found: dict[str, str | None] = {}
        replayed = store.state_items(self.state, "")
        mine = next(replayed, None)
        for key, value in stored:
            while mine and mine[0] < key:
                found[mine[0]] = None
                mine = next(replayed, None)
            if mine != (key, value):
                found[key] = value
            if mine and mine[0] == key:
                mine = next(replayed, None)
        for key, _ in (*([mine] if mine else []), *replayed):
            found[key] = None
        return found

    def still_differing(self, found: dict[str, str | None]) -> dict[str, str | None]:
        """Return those of stored values that are not those of the replay as it is now."""
        replayed = store.read_state(self.state, tuple(found))
        return {key: value for key, value in found.items() if replayed.get(key) != value}

    def damage(self, what: str) -> LedgerDamaged:
        """Return what to raise about the newest block."""
        return LedgerDamaged(f"block {self.height - 1}: {what}")

    def _prove(self, record: TransactionRecord) -> None:
        if record.transaction_id == GENESIS_TRANSACTION:
            if self.transactions or record.writes != {
                key: encode(value).decode() for key, value in self._genesis.state()
            }:
                raise _Differs("does not follow from the given genesis")
            return
        signed = submission.verified(self.state, record.envelope)
        if (signed.creator, signed.body.timestamp_ms) != (record.creator, record.timestamp_ms):
            raise _Differs("is not what its submitter signed")
        stub = SqliteStub(
            connection=self.state,
            transaction_id=record.transaction_id,
            timestamp_ms=record.timestamp_ms,
            creator=record.creator,
        )
        outcome = batch.run(stub, signed.body.operations)
        if (outcome.results, outcome.writes, outcome.events) != (record.results, record.writes, record.events):
            raise _Differs("has another outcome when it is replayed")
        self.operations += len(outcome.results)


def verify(ledger: PagedReader, genesis: Genesis, progress: Progress | None = None) -> Verified:
    """Prove a ledger, and what comes in while that is done.

    :raises LedgerDamaged: naming the block and what is wrong with it.
    """
    replay = Replay(genesis)
    try:
        _catch_up(ledger, replay, progress)
        _compare(ledger, replay)
        replay.check_money()
    finally:
        replay.state.close()
    if replay.last is None:
        raise LedgerDamaged("the ledger has no blocks")
    return Verified(
        blocks=replay.height, transactions=replay.transactions, operations=replay.operations, hash=replay.last.hash
    )


def _catch_up(
    ledger: LedgerReader, replay: Replay, progress: Progress | None = None, *, each: Callable[[], object] = lambda: None
) -> None:
    height = ledger.height
    for block in blocks_between(ledger, replay.height, height):
        replay.apply(block)
        each()
        if progress:
            progress(replay.height, height)


def _compare(ledger: PagedReader, replay: Replay) -> None:
    """Compare the world state with the replay.

    A value that was written while the state was read is right when it is the replay's at any of those blocks.
    """
    for _ in range(_COMPARISONS):
        found = replay.differing(ledger.pages(""))

        def keep_wrong(found: dict[str, str | None] = found) -> None:
            right = found.keys() - replay.still_differing(found).keys()
            for key in right:
                del found[key]

        _catch_up(ledger, replay, each=keep_wrong)
        if not found:
            return
    raise replay.damage(f"the world state differs from the blocks at {min(found)}")


class _Differs(Exception):
    """A transaction is not as it should be."""
