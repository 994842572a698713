"""The proof of a ledger on Fabric: blocks as the orderers signed them, and a replay from the first on (design §5)."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chaincode.blocks import Block, Event, TransactionRecord
from chaincode.contracts import submission, supply
from chaincode.contracts.errors import ContractError
from chaincode.contracts.execution import batch
from chaincode.contracts.genesis import Genesis
from chaincode.embedded.verification import Progress, Verified
from portal.ledger.errors import LedgerDamaged
from portal.ledger.fabric.mapping import GENESIS_TRANSACTION
from portal.ledger.ports import LedgerReader
from wire.codec import encode
from wire.errors import WireError

_AT_ONCE = 32
_PAUSE_SECONDS = 0.005
_SILENT_SECONDS = 60


@dataclass(kw_only=True, slots=True)
class _Stub:
    """The contracts' view of a replayed state."""

    state: Mapping[str, str]
    transaction_id: str
    timestamp_ms: int
    creator: str

    def get_many(self, keys: Sequence[str]) -> Mapping[str, str]:
        return {key: self.state[key] for key in keys if key in self.state}

    def items(self, prefix: str) -> Iterator[tuple[str, str]]:
        return ((key, self.state[key]) for key in sorted(self.state) if key.startswith(prefix))

    def put_many(self, writes: Mapping[str, str | None]) -> None:
        """Leave the writing to the replay, which applies what the block says."""

    def emit(self, events: Iterable[Event]) -> None:
        """Leave the events to the comparison."""


@dataclass(kw_only=True, slots=True)
class Replay:
    """A replay in progress."""

    genesis: Genesis
    state: dict[str, str] = field(default_factory=dict)
    transactions: int = 0
    operations: int = 0

    def apply(self, block: Block) -> None:
        """Replay a block's transactions.

        :raises LedgerDamaged: when one has another outcome than the block says.
        """
        for record in block.transactions:
            try:
                self._prove(record)
            except (ContractError, WireError) as error:
                raise _damage(block, f"transaction {record.transaction_id}: {error}") from error
            except _Differs as error:
                raise _damage(block, f"transaction {record.transaction_id} {error}") from error
            self.transactions += 1
            for key, value in record.writes.items():
                if value is None:
                    self.state.pop(key, None)
                else:
                    self.state[key] = value

    def _prove(self, record: TransactionRecord) -> None:
        if record.transaction_id == GENESIS_TRANSACTION:
            if self.state or record.writes != {key: encode(value).decode() for key, value in self.genesis.state()}:
                raise _Differs("does not follow from the given genesis")
            return
        signed = submission.verified(self.state.get, record.envelope)
        if (signed.creator, signed.body.timestamp_ms) != (record.creator, record.timestamp_ms):
            raise _Differs("is not what its submitter signed")
        stub = _Stub(
            state=self.state,
            transaction_id=record.transaction_id,
            timestamp_ms=record.timestamp_ms,
            creator=record.creator,
        )
        outcome = batch.run(stub, signed.body.operations)
        if (outcome.results, outcome.writes, outcome.events) != (record.results, record.writes, record.events):
            raise _Differs("has another outcome when it is replayed")
        self.operations += len(outcome.results)


def verify(ledger: LedgerReader, genesis: Genesis, progress: Progress | None = None) -> Verified:
    """Prove a ledger up to the height that it has now.

    :raises LedgerDamaged: naming the block and what is wrong with it.
    """
    replay = Replay(genesis=genesis)
    height, last = ledger.height, None
    for last in _blocks(ledger, height):
        replay.apply(last)
        if progress:
            progress(last.number + 1, height)
    if last is None:
        raise LedgerDamaged("the ledger has no blocks")
    if drift := supply.drift(replay.state.items()):
        raise _damage(last, f"the sum of all money is {drift} micro-credits off")
    if holds := supply.unexplained_holds(replay.state.items()):
        raise _damage(last, f"held money without a job: {holds}")
    stored = dict(ledger.items(""))
    if ledger.height == height and stored != replay.state:
        raise _damage(last, "the world state differs from the blocks")
    return Verified(blocks=height, transactions=replay.transactions, operations=replay.operations, hash=last.hash)


def _blocks(ledger: LedgerReader, height: int, clock: Callable[[], float] = time.monotonic) -> Iterator[Block]:
    number, heard = 0, clock()
    while number < height:
        blocks = ledger.blocks(number, min(_AT_ONCE, height - number))
        if blocks:
            heard = clock()
        elif clock() - heard > _SILENT_SECONDS:
            raise LedgerDamaged(f"block {number} does not come, of {height}")
        else:
            time.sleep(_PAUSE_SECONDS)
        yield from blocks
        number += len(blocks)


def _damage(block: Block, what: str) -> LedgerDamaged:
    return LedgerDamaged(f"block {block.number}: {what}")


class _Differs(Exception):
    """A transaction is not as it should be."""
