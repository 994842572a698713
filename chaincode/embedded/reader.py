"""Reading an embedded ledger: any number of processes at once, beside the one that writes."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from chaincode.embedded import store
from chaincode.embedded.errors import StoreDamaged, StoreMissing
from wire.ledger import state_keys
from wire.ledger.blocks import Block, TransactionRecord
from wire.ledger.genesis import Genesis


class StoreReader:
    """The ledger's blocks and world state. Threads may share it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._mutex = threading.RLock()
        if not store.is_ledger(connection):
            raise StoreMissing(f"no ledger in {path}")
        text = self.get(state_keys.genesis())
        if text is None:
            raise StoreDamaged(f"block 0: the world state in {path} holds no genesis")
        self.genesis = Genesis.parse(text)

    @classmethod
    def open_reader(cls, path: Path) -> "StoreReader":
        """Open a ledger to read it; another process may write to it meanwhile.

        :raises StoreMissing: when there is none.
        """
        return StoreReader(path, store.connect_reader(path))

    def close(self) -> None:
        """Let go of the file."""
        with self._mutex:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def height(self) -> int:
        """How many blocks there are; the newest has the number `height - 1`."""
        with self._mutex:
            return store.last_block(self._connection).number + 1

    def transaction(self, transaction_id: str) -> TransactionRecord | None:
        """Return a committed transaction; None when it is in no block."""
        with self._mutex:
            return store.read_transaction(self._connection, transaction_id)

    def blocks(self, first: int, limit: int) -> list[Block]:
        """Return blocks from number `first` on, at most `limit`, in order; none when there are no more."""
        with self._mutex:
            return store.read_blocks(self._connection, first, limit)

    def get(self, key: str) -> str | None:
        """Return the value of a key of the world state."""
        with self._mutex:
            return store.read_state(self._connection, [key]).get(key)

    def get_many(self, wanted: Sequence[str]) -> Mapping[str, str]:
        """Return the values of those keys that have one."""
        with self._mutex:
            return store.read_state(self._connection, wanted)

    def page(self, after: str, limit: int) -> Sequence[tuple[str, str]]:
        """Return the first keys that come after a key, at most `limit`, with their values, in order."""
        with self._mutex:
            return store.state_page(self._connection, after, limit)

    def items(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield the keys that begin with `prefix` and their values, in order, as of one moment."""
        with closing(store.connect_reader(self._path)) as connection:
            yield from store.state_items(connection, prefix)

    def history(self, key: str) -> Iterator[tuple[int, TransactionRecord]]:
        """Yield the transactions that wrote or deleted a key, newest first, each with its block's number.

        What came before the key was deleted, or before its first write, is looked for block by block.
        """
        with closing(store.connect_reader(self._path)) as connection:
            yield from store.history(connection, key)

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Lend the file as it is at one moment: blocks that come meanwhile are not part of it."""
        with closing(store.connect_reader(self._path)) as connection:
            connection.execute("BEGIN")
            yield connection
