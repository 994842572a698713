"""What the contracts need of a ledger: the port that the embedded ledger and Hyperledger Fabric implement."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from wire.ledger.blocks import Event


class Stub(Protocol):
    """One transaction's view of the world state.

    Reads need not see the transaction's own writes (Fabric's do not); `transaction.cache.StateCache` adds that.
    """

    @property
    def transaction_id(self) -> str:
        """The id that the submitter chose."""

    @property
    def timestamp_ms(self) -> int:
        """The transaction's time: the only clock a contract knows."""

    @property
    def creator(self) -> str:
        """The id of the key that signed the transaction; the ledger has verified it."""

    def get_many(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the values of those keys that have one, in one round trip."""

    def items(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield the keys that begin with `prefix` and their values, in the order of their keys."""

    def put_many(self, writes: Mapping[str, str | None]) -> None:
        """Write values, delete keys whose value is None, in one round trip; called once a transaction."""

    def emit(self, events: Iterable[Event]) -> None:
        """Publish what changed, as one event of the ledger; called once a transaction."""
