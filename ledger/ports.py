"""What whoever uses a ledger needs from it, whichever it is. Every call may raise `LedgerUnavailable`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from wire.ledger.blocks import Block, TransactionRecord

#: So many keys a page, where the ledger itself has no measure.
PAGE_KEYS = 5_000


class BlockSource(Protocol):
    """A ledger's blocks."""

    def blocks(self, first: int, limit: int) -> Sequence[Block]:
        """Return blocks from number `first` on, at most `limit`, in order; none when there are no more, or not yet."""


class LedgerReader(BlockSource, Protocol):
    """A ledger's blocks and world state."""

    @property
    def height(self) -> int:
        """How many blocks there are; the newest has the number `height - 1`."""

    def transaction(self, transaction_id: str) -> TransactionRecord | None:
        """Return a committed transaction; None when it is in no block."""

    def get(self, key: str) -> str | None:
        """Return the value of a key of the world state."""

    def get_many(self, wanted: Sequence[str]) -> Mapping[str, str]:
        """Return the values of those keys that have one, each as of a moment of its own."""

    def page(self, after: str) -> Sequence[tuple[str, str]]:
        """Return the first keys that come after a key, with their values, in the ledger's order; none at the end."""

    def items(self, prefix: str) -> Iterable[tuple[str, str]]:
        """Return the keys that begin so, with their values, in the order of the keys, as of one moment."""


class Ledger(LedgerReader, Protocol):
    """A ledger that orders transactions into blocks."""

    def submit(self, envelope: str) -> TransactionRecord:
        """Commit one signed transaction and return what became of each of its operations.

        The same transaction again returns what was recorded.

        :raises TransactionRefused: when the ledger does not take it, or failed on it, for what is in it.
        :raises CommitUnknown: when it was handed over and no answer came.
        """
