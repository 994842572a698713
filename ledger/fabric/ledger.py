"""A Hyperledger Fabric network as a ledger."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Self

from fabric_client.committing import CALL_SECONDS
from fabric_client.deliver import BlockReader
from fabric_client.profile import Profile
from ledger.arriving import blocks_between
from ledger.errors import LedgerUnavailable
from ledger.fabric.contracts import Contracts
from ledger.fabric.errors import in_our_words
from ledger.fabric.mapping import block_of
from wire.ledger import names
from wire.ledger.blocks import Block, TransactionRecord

_TRIES = 5


class FabricReader:
    """The ledger's blocks and world state on a Fabric network."""

    def __init__(self, profile: Profile, on_block: Callable[[], object] = lambda: None) -> None:
        with in_our_words():
            self._peers = profile.connect()
        self._contracts = Contracts(self._peers, channel=profile.channel, chaincode=profile.chaincode)
        self._profile = profile
        self._on_block = on_block
        #: One for each thread that reads blocks, for each reads at a place of its own.
        self._readers: dict[int, BlockReader] = {}

    def close(self) -> None:
        """Close all connections."""
        for reader in tuple(self._readers.values()):
            reader.close()
        self._peers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def height(self) -> int:
        """How many blocks there are, the channel's own ones included."""
        with in_our_words():
            return self._peers.ask(lambda gateway: gateway.height(self._profile.channel, seconds=CALL_SECONDS))

    def transaction(self, transaction_id: str) -> TransactionRecord | None:
        """Return a committed transaction; None when it is in no block."""
        return self._contracts.transaction(transaction_id)

    def blocks(self, first: int, limit: int) -> Sequence[Block]:
        """Return blocks in order, each proved to be what the orderers signed and to continue the one before."""
        with in_our_words():
            return [block_of(block, self._profile.channel) for block in self._reader().take(first, limit)]

    def get(self, key: str) -> str | None:
        """Return the value of a key of the world state."""
        return self.get_many([key]).get(key)

    def get_many(self, wanted: Sequence[str]) -> Mapping[str, str]:
        """Return the values of those keys that have one, in one question for each page of keys."""
        found: dict[str, str] = {}
        for start in range(0, len(wanted), names.MAX_PAGE):
            found |= json.loads(self._contracts.evaluate(names.GET, *wanted[start : start + names.MAX_PAGE]))
        return found

    def page(self, after: str) -> Sequence[tuple[str, str]]:
        """Return the first keys that come after a key, with their values, in the order of the keys."""
        return self._page("", after)

    def items(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Return keys and values in the order of the keys, as of one moment.

        :raises LedgerUnavailable: when the peers took turns while more than a page of them was read.
        """
        for _ in range(_TRIES):
            if (found := self._all_items(prefix)) is not None:
                return iter(found)
        raise LedgerUnavailable(f"no peer answered all the time while the keys {prefix}… were read")

    def pages(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield keys and values in the order of the keys, each page as of a moment of its own."""
        last = ""
        while True:
            page = self._page(prefix, last)
            yield from page
            if len(page) < names.MAX_PAGE:
                return
            last = page[-1][0]

    def _all_items(self, prefix: str) -> list[tuple[str, str]] | None:
        """Return all items; None when another peer was asked meanwhile, which may be behind."""
        peer, before = self._peers.current, self.height
        found = list(self.pages(prefix))
        if len(found) < names.MAX_PAGE:
            return found
        state = dict(found)
        # A peer counts a block before its state has it.
        blocks = self._blocks_beside(max(0, before - 1), self.height)
        writes = chain.from_iterable(record.writes.items() for block in blocks for record in block.transactions)
        state.update((key, value or "") for key, value in writes if key.startswith(prefix))
        return sorted((key, value) for key, value in state.items() if value) if self._peers.current is peer else None

    def _reader(self) -> BlockReader:
        """Return the reader of this thread: the follower and the auditor would take each other's blocks."""
        thread = threading.get_ident()
        if thread not in self._readers:
            verifier = self._profile.verifier()
            self._readers[thread] = BlockReader(self._peers, self._profile.channel, verifier, self._on_block)
        return self._readers[thread]

    def _blocks_beside(self, first: int, end: int) -> list[Block]:
        """Return blocks without disturbing who reads them in order."""
        with FabricReader(self._profile) as beside:
            return list(blocks_between(beside, first, end))

    def _page(self, prefix: str, after: str) -> list[tuple[str, str]]:
        return [(key, value) for key, value in json.loads(self._contracts.evaluate(names.ITEMS, prefix, after))]


class FabricLedger(FabricReader):
    """A Fabric network that transactions are submitted to."""

    def submit(self, envelope: str) -> TransactionRecord:
        """Commit one signed transaction and return what became of each of its operations.

        The same transaction again returns what was recorded.

        :raises TransactionRefused: when the contracts do not take it for what is in it.
        :raises ReadConflict: when another transaction changed what it had read; a new one may be tried.
        :raises CommitUnknown: when it was handed to the orderers and no peer told in time what became of it.
        """
        return self._contracts.submit(envelope)
