"""The cache over the stub: gathered reads, own writes seen, each operation kept or undone alone, one write at the end.

It holds records, not text: a hot account is decoded and encoded once a transaction, not once an operation. Records are
frozen, so sharing them is safe.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from chaincode.contracts.stub import Stub
from wire.codec import decode, encode

T = TypeVar("T")


class Cache:
    """The world state as one transaction sees it."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        #: Text as the ledger holds it; None where it holds nothing.
        self._read: dict[str, str | None] = {}
        self._decoded: dict[str, Any] = {}
        #: What operations of this transaction wrote and kept; None where they deleted.
        self._kept: dict[str, Any] = {}
        #: What the operation that runs now wrote.
        self._staged: dict[str, Any] = {}

    def prefetch(self, keys: Iterable[str]) -> None:
        """Read the keys that were not read before in one round trip."""
        wanted = [key for key in dict.fromkeys(keys) if key not in self._read]
        if wanted:
            found = self._stub.get_many(wanted)
            self._read.update((key, found.get(key)) for key in wanted)

    def get(self, cls: type[T], key: str) -> T | None:
        """Return the record at a key, or None."""
        for written in (self._staged, self._kept, self._decoded):
            if key in written:
                record: T | None = written[key]
                return record
        self.prefetch((key,))
        text = self._read[key]
        self._decoded[key] = record = None if text is None else decode(cls, text)
        return record

    def put(self, key: str, record: object) -> None:
        """Write a record."""
        self._staged[key] = record

    def assume_absent(self, key: str) -> None:
        """Take it that the ledger holds nothing at a key that no other transaction can have written."""
        self._read.setdefault(key, None)

    def delete(self, key: str) -> None:
        """Delete a key."""
        self._staged[key] = None

    def items(self, cls: type[T], prefix: str, most: int) -> Iterator[tuple[str, T]]:
        """Yield records whose keys begin with `prefix`, own writes included, in the order of their keys.

        Of those that the ledger holds, only the first `most` are read.
        """
        stored = dict(islice(self._stub.items(prefix), most))
        self._read.update(stored)
        own = {key for written in (self._kept, self._staged) for key in written if key.startswith(prefix)}
        for key in sorted(own | stored.keys()):
            record = self.get(cls, key)
            if record is not None:
                yield key, record

    def keep(self) -> None:
        """Keep what the operation wrote: later operations see it."""
        self._kept.update(self._staged)
        self._staged.clear()

    def undo(self) -> None:
        """Forget what the operation wrote."""
        self._staged.clear()

    def writes(self) -> Mapping[str, str | None]:
        """Return what was kept and differs from what the ledger holds, in the order of keys."""
        self.prefetch(self._kept)
        texts = {key: None if record is None else encode(record).decode() for key, record in self._kept.items()}
        return {key: texts[key] for key in sorted(texts) if texts[key] != self._read[key]}
