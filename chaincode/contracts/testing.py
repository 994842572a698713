"""A ledger in memory: the contracts' fake, with the stub's rules (reads do not see own writes)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chaincode.contracts.execution import batch
from chaincode.contracts.execution.batch import BatchOutcome
from wire.codec import encode
from wire.ledger.blocks import Event
from wire.ledger.genesis import Genesis


@dataclass(kw_only=True)
class MemoryStub:
    """One transaction's view of a dictionary."""

    state: dict[str, str]
    transaction_id: str
    timestamp_ms: int
    creator: str
    #: How many times the ledger was asked.
    reads: int = 0
    writes: int = 0
    events: list[Event] = field(default_factory=list)

    def get_many(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the values of those keys that have one."""
        self.reads += 1
        return {key: self.state[key] for key in keys if key in self.state}

    def items(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield the keys that begin with `prefix` and their values, in order."""
        self.reads += 1
        yield from ((key, self.state[key]) for key in sorted(self.state) if key.startswith(prefix))

    def put_many(self, writes: Mapping[str, str | None]) -> None:
        """Write values, delete keys whose value is None."""
        self.writes += 1
        for key, value in writes.items():
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value

    def emit(self, events: Iterable[Event]) -> None:
        """Keep the events."""
        self.events.extend(events)


class InMemoryState:
    """The world state after a genesis, and transactions on it."""

    def __init__(self, genesis: Genesis) -> None:
        self.state = {key: encode(record).decode() for key, record in genesis.state()}
        #: Transactions so far; it makes their ids.
        self.count = 0

    def run(self, creator: str, timestamp_ms: int, operations: Sequence[str]) -> BatchOutcome:
        """Run one transaction."""
        self.count += 1
        return batch.run(self.stub(creator, timestamp_ms), operations)

    def stub(self, creator: str, timestamp_ms: int) -> MemoryStub:
        """Return the view that the next transaction has."""
        return MemoryStub(
            state=self.state, transaction_id=f"tx-{self.count}", timestamp_ms=timestamp_ms, creator=creator
        )

    def items(self, prefix: str) -> list[tuple[str, str]]:
        """Return the keys that begin with `prefix` and their values, in order."""
        return [(key, self.state[key]) for key in sorted(self.state) if key.startswith(prefix)]
