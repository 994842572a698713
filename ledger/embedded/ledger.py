"""The embedded ledger behind the port: opened by path, its errors said in the port's words."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from chaincode.contracts.errors import ContractError
from chaincode.embedded import errors as embedded
from chaincode.embedded.ledger import EmbeddedLedger, system_clock
from chaincode.embedded.reader import StoreReader
from ledger.errors import LedgerDamaged, LedgerInUse, LedgerMissing, LedgerUnavailable, TransactionRefused
from ledger.ports import PAGE_KEYS
from wire.ledger.blocks import Block, TransactionRecord
from wire.ledger.genesis import BadGenesis, Genesis
from wire.signing import SigningKey

#: What a mistake in the contracts raises outside of any one operation.
_MISTAKES = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except embedded.StoreMissing as error:
        raise LedgerMissing(str(error)) from error
    except embedded.StoreInUse as error:
        raise LedgerInUse(str(error)) from error
    except embedded.StoreRefused as error:
        raise TransactionRefused(str(error)) from error
    except (embedded.StoreError, ContractError, BadGenesis) as error:
        raise LedgerDamaged(str(error)) from error
    except (sqlite3.Error, OSError) as error:
        raise LedgerUnavailable(f"the ledger's file: {error}") from error


class EmbeddedReader:
    """An embedded ledger that another process may be writing to."""

    def __init__(self, reader: StoreReader) -> None:
        self._reader = reader

    @classmethod
    def open_file(cls, path: Path) -> "EmbeddedReader":
        """Open a ledger's file to read it.

        :raises LedgerMissing: when there is no ledger in it.
        """
        with _in_our_words():
            return EmbeddedReader(StoreReader.open_reader(path))

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def height(self) -> int:
        """How many blocks there are."""
        with _in_our_words():
            return self._reader.height

    def transaction(self, transaction_id: str) -> TransactionRecord | None:
        """Return a committed transaction; None when it is in no block."""
        with _in_our_words():
            return self._reader.transaction(transaction_id)

    def blocks(self, first: int, limit: int) -> Sequence[Block]:
        """Return blocks in order."""
        with _in_our_words():
            return self._reader.blocks(first, limit)

    def get(self, key: str) -> str | None:
        """Return the value of a key of the world state."""
        with _in_our_words():
            return self._reader.get(key)

    def get_many(self, wanted: Sequence[str]) -> Mapping[str, str]:
        """Return the values of those keys that have one."""
        with _in_our_words():
            return self._reader.get_many(wanted)

    def page(self, after: str) -> Sequence[tuple[str, str]]:
        """Return the first keys that come after a key, with their values, in the order of the keys."""
        with _in_our_words():
            return self._reader.page(after, PAGE_KEYS)

    def items(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield keys and values in the order of the keys, as of one moment."""
        with _in_our_words():
            yield from self._reader.items(prefix)

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Lend the ledger's file as it is at this moment."""
        with _in_our_words(), self._reader.snapshot() as connection:
            yield connection


class EmbeddedWriter(EmbeddedReader):
    """An embedded ledger that this process alone writes to."""

    def __init__(self, ledger: EmbeddedLedger) -> None:
        super().__init__(ledger)
        self._ledger = ledger

    @classmethod
    def open(
        cls, path: Path, *, block_key: SigningKey, genesis: Genesis, clock: Callable[[], int] = system_clock
    ) -> "EmbeddedWriter":
        """Open a ledger's file to write to it; where there is none, a ledger is created from the genesis.

        :raises LedgerInUse: when another process writes to it.
        :raises LedgerDamaged: when it began with another genesis or is signed by another key.
        """
        with _in_our_words():
            try:
                ledger = EmbeddedLedger.open(path, block_key, clock)
            except embedded.StoreMissing:
                EmbeddedLedger.create(path, genesis, block_key, clock)
                ledger = EmbeddedLedger.open(path, block_key, clock)
        if ledger.genesis != genesis:
            ledger.close()
            raise LedgerDamaged(f"the ledger in {path} began with another genesis than the given one")
        return cls(ledger)

    def submit(self, envelope: str) -> TransactionRecord:
        """Commit one signed transaction and return what became of each of its operations."""
        with _in_our_words():
            try:
                return self._ledger.submit(envelope)
            except _MISTAKES as error:
                raise TransactionRefused(f"the contracts raised {type(error).__name__}: {error}") from error
