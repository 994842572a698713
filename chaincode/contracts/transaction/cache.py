"""The cache over the stub: gathered reads, own writes seen, each operation kept or undone alone, one write at the end.

It holds records, not text: a hot account is decoded and encoded once a transaction, not once an operation. Records are
frozen, so sharing them is safe.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from chaincode.contracts.stub import Stub
from wire.codec import decode
from wire.ledger.canonical import ledger_json

T = TypeVar("T")
#: What an operation overwrote where nothing was seen before.
_UNSEEN = object()


class StateCache:
    """The world state as one transaction sees it."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        #: Text as the ledger holds it; None where it holds nothing.
        self._read: dict[str, str | None] = {}
        #: Records as they are now, own writes included; None where there is none.
        self._now: dict[str, Any] = {}
        #: What the operation that runs now overwrote.
        self._before: dict[str, Any] = {}
        #: Keys that operations of this transaction wrote and kept, in the order of their first writing.
        self._kept: dict[str, None] = {}

    def prefetch(self, keys: Iterable[str]) -> None:
        """Read the keys that were not read before in one round trip."""
        wanted = [key for key in dict.fromkeys(keys) if key not in self._read]
        if wanted:
            found = self._stub.get_many(wanted)
            self._read.update((key, found.get(key)) for key in wanted)

    def get(self, cls: type[T], key: str) -> T | None:
        """Return the record at a key, or None."""
        if key in self._now:
            known: T | None = self._now[key]
            return known
        if key not in self._read:
            self.prefetch((key,))
        text = self._read[key]
        self._now[key] = record = None if text is None else decode(cls, text)
        return record

    def put(self, key: str, record: object) -> None:
        """Write a record."""
        if key not in self._before:
            self._before[key] = self._now.get(key, _UNSEEN)
        self._now[key] = record

    def assume_absent(self, key: str) -> None:
        """Take it that the ledger holds nothing at a key that no other transaction can have written."""
        self._read.setdefault(key, None)

    def delete(self, key: str) -> None:
        """Delete a key."""
        self.put(key, None)

    def items(self, cls: type[T], prefix: str, most: int) -> Iterator[tuple[str, T]]:
        """Yield records whose keys begin with `prefix`, own writes included, in the order of their keys.

        Of those that the ledger holds, only the first `most` are read.
        """
        stored = dict(islice(self._stub.items(prefix), most))
        self._read.update(stored)
        own = {key for written in (self._kept, self._before) for key in written if key.startswith(prefix)}
        for key in sorted(own | stored.keys()):
            record = self.get(cls, key)
            if record is not None:
                yield key, record

    def keep(self) -> None:
        """Keep what the operation wrote: later operations see it."""
        self._kept.update(dict.fromkeys(self._before))
        self._before.clear()

    def undo(self) -> None:
        """Forget what the operation wrote."""
        for key, record in self._before.items():
            if record is _UNSEEN:
                del self._now[key]
            else:
                self._now[key] = record
        self._before.clear()

    def writes(self) -> Mapping[str, str | None]:
        """Return what was kept and differs from what the ledger holds, in the order of keys."""
        self.prefetch(self._kept)
        records = {key: self._now[key] for key in sorted(self._kept)}
        texts = {key: None if record is None else ledger_json(record).decode() for key, record in records.items()}
        return {key: text for key, text in texts.items() if text != self._read[key]}
