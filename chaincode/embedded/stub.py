"""The contracts' view of the embedded ledger, for one transaction."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chaincode.embedded import store
from wire.ledger.blocks import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class SqliteStub:
    """Reads from the file. Writes and events go into the block by way of the batch's outcome, so both are no-ops."""

    connection: sqlite3.Connection
    transaction_id: str
    timestamp_ms: int
    creator: str

    def get_many(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the values of those keys that have one."""
        return store.read_state(self.connection, keys)

    def items(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield the keys that begin with `prefix` and their values, in order."""
        return store.state_items(self.connection, prefix)

    def put_many(self, writes: Mapping[str, str | None]) -> None:
        """Leave the writing to the block, which applies all of its transactions' writes."""

    def emit(self, events: Iterable[Event]) -> None:
        """Leave the events to the block."""
