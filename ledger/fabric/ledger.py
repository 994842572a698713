"""A Hyperledger Fabric network as the portal's ledger."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Self

from fabric_client.blocks import chaincode_transaction
from fabric_client.committing import CALL_SECONDS, commit
from fabric_client.deliver import BlockReader
from fabric_client.errors import AlreadyKnown, ChaincodeRefused
from fabric_client.profile import Profile
from fabric_client.proposals import Call, Proposal, propose
from ledger.arriving import blocks_between
from ledger.errors import LedgerDamaged, LedgerUnavailable, TransactionRefused
from ledger.fabric.errors import TransactionInvalid, in_our_words
from ledger.fabric.mapping import block_of, body_of, nonce_of, record_of
from wire.errors import WireError
from wire.ledger import names
from wire.ledger.blocks import Block, TransactionRecord
from wire.ledger.packing import packed

_VALID = 0
_CONFLICT = 409
_TRIES = 5


class FabricReader:
    """The ledger's blocks and world state on a Fabric network."""

    def __init__(self, profile: Profile, on_block: Callable[[], object] = lambda: None) -> None:
        with in_our_words():
            self._peers = profile.connect()
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
        with in_our_words():
            return self._find(transaction_id)

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
        with in_our_words():
            for start in range(0, len(wanted), names.MAX_PAGE):
                found |= json.loads(self._evaluate(names.GET, *wanted[start : start + names.MAX_PAGE]))
        return found

    def page(self, after: str) -> Sequence[tuple[str, str]]:
        """Return the first keys that come after a key, with their values, in the order of the keys."""
        with in_our_words():
            return self._page("", after)

    def items(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Return keys and values in the order of the keys, as of one moment.

        :raises LedgerUnavailable: when the peers took turns while more than a page of them was read.
        """
        with in_our_words():
            for _ in range(_TRIES):
                if (found := self._all_items(prefix)) is not None:
                    return iter(found)
        raise LedgerUnavailable(f"no peer answered all the time while the keys {prefix}… were read")

    def pages(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield keys and values in the order of the keys, each page as of a moment of its own."""
        last = ""
        while True:
            with in_our_words():
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
        return [(key, value) for key, value in json.loads(self._evaluate(names.ITEMS, prefix, after))]

    def _find(self, transaction_id: str) -> TransactionRecord | None:
        fabric_id = self._evaluate(names.RECORDED, transaction_id).decode()
        if fabric_id == names.UNKNOWN:
            return None
        found = self._peers.ask(lambda gateway: gateway.find(self._profile.channel, fabric_id, seconds=CALL_SECONDS))
        if found is None or found.validationCode != _VALID:
            return None
        transaction = chaincode_transaction(found.transactionEnvelope)
        return record_of(transaction) if transaction else None

    def _evaluate(self, function: str, *arguments: str) -> bytes:
        proposal = propose(self._peers.identity, self._call(function, arguments))
        return self._peers.ask(lambda gateway: gateway.evaluate(proposal, seconds=CALL_SECONDS))

    def _call(self, function: str, arguments: Sequence[str], **other: Any) -> Call:
        return Call(
            channel=self._profile.channel,
            chaincode=self._profile.chaincode,
            function=function,
            arguments=tuple(argument.encode() for argument in arguments),
            **other,
        )


class FabricLedger(FabricReader):
    """A Fabric network that transactions are submitted to."""

    def submit(self, envelope: str) -> TransactionRecord:
        """Commit one signed transaction and return what became of each of its operations.

        The same transaction again returns what was recorded.

        :raises TransactionRefused: when the contracts do not take it for what is in it.
        :raises ReadConflict: when another transaction changed what it had read; a new one may be tried.
        :raises CommitUnknown: when it was handed to the orderers and no peer told in time what became of it.
        """
        try:
            body = body_of(envelope)
        except WireError as error:
            raise TransactionRefused(str(error)) from error
        nonce = nonce_of(body.transaction_id)
        call = self._call(names.SUBMIT, (packed(envelope),), timestamp_ms=body.timestamp_ms, nonce=nonce)
        proposal = propose(self._peers.identity, call)
        try:
            with in_our_words():
                return self._committed(proposal)
        except _Recorded:
            return self._recorded(body.transaction_id, envelope)

    def _committed(self, proposal: Proposal) -> TransactionRecord:
        try:
            prepared = commit(self._peers, proposal)
        except AlreadyKnown as error:
            raise _Recorded from error
        except ChaincodeRefused as error:
            if error.status == _CONFLICT:
                raise _Recorded from error
            raise
        transaction = chaincode_transaction(prepared)
        record = record_of(transaction) if transaction else None
        if record is None:
            raise LedgerDamaged(f"transaction {proposal.transaction_id} is not what was proposed")
        return record

    def _recorded(self, transaction_id: str, envelope: str) -> TransactionRecord:
        """Return the transaction of this id that is in a block, if it is the same."""
        record = self.transaction(transaction_id)
        if record is None:
            # A block holds it, and it changed nothing: its id in Fabric is used up.
            raise TransactionInvalid(f"transaction {transaction_id} was committed as not valid")
        if body_of(record.envelope) != body_of(envelope):
            raise TransactionRefused(f"transaction {transaction_id} was recorded with other content")
        return record


class _Recorded(Exception):
    """A transaction of this id is in a block already."""
