"""A ledger in memory that runs the real contracts: for tests of what stands on the port."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chaincode.contracts.execution.batch import run
from ledger.errors import TransactionRefused
from ledger.ports import PAGE_KEYS
from wire import signing
from wire.codec import canonical_json, decode, to_plain
from wire.errors import WireError
from wire.ledger import state_keys
from wire.ledger.blocks import Block, Event, TransactionBody, TransactionRecord
from wire.ledger.genesis import GENESIS_TRANSACTION, Genesis
from wire.ledger.records import PinnedKey
from wire.signing import PublicKey, SigningKey, sha256_hex

#: How far a submitter's clock may be from the ledger's.
_WINDOW_MS = 60_000


@dataclass(kw_only=True, slots=True)
class _Stub:
    """One transaction's view of the world state."""

    transaction_id: str
    timestamp_ms: int
    creator: str
    state: dict[str, str]
    writes: dict[str, str | None] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def get_many(self, keys: Sequence[str]) -> Mapping[str, str]:
        return {key: self.state[key] for key in keys if key in self.state}

    def items(self, prefix: str) -> Iterator[tuple[str, str]]:
        return (item for item in sorted(self.state.items()) if item[0].startswith(prefix))

    def put_many(self, writes: Mapping[str, str | None]) -> None:
        self.writes.update(writes)

    def emit(self, events: Iterable[Event]) -> None:
        self.events.extend(events)


class InMemoryLedger:
    """Blocks of one transaction each, held in memory."""

    def __init__(self, *, genesis: Genesis, block_key: SigningKey, clock: Callable[[], int]) -> None:
        self._block_key = block_key
        self._clock = clock
        self._state: dict[str, str] = {}
        self._records: dict[str, TransactionRecord] = {}
        self._blocks: list[Block] = []
        self._append(
            TransactionRecord(
                transaction_id=GENESIS_TRANSACTION,
                creator=block_key.public.key_id,
                timestamp_ms=clock(),
                envelope="",
                results=(),
                writes=genesis.writes(),
                events=(),
            )
        )

    @property
    def height(self) -> int:
        """How many blocks there are."""
        return len(self._blocks)

    def submit(self, envelope: str) -> TransactionRecord:
        """Commit one signed transaction.

        :raises TransactionRefused: when its signature, time or id is not acceptable.
        """
        creator, body = self._read(envelope)
        if body.transaction_id in self._records:
            return self._records[body.transaction_id]
        stub = _Stub(
            transaction_id=body.transaction_id, timestamp_ms=body.timestamp_ms, creator=creator, state=self._state
        )
        outcome = run(stub, body.operations)
        record = TransactionRecord(
            transaction_id=body.transaction_id,
            creator=creator,
            timestamp_ms=body.timestamp_ms,
            envelope=envelope,
            results=outcome.results,
            writes=stub.writes,
            events=tuple(stub.events),
        )
        self._append(record)
        return record

    def transaction(self, transaction_id: str) -> TransactionRecord | None:
        """Return a committed transaction."""
        return self._records.get(transaction_id)

    def blocks(self, first: int, limit: int) -> Sequence[Block]:
        """Return blocks in order."""
        return list(itertools.islice(self._blocks, first, first + limit))

    def get(self, key: str) -> str | None:
        """Return the value of a key of the world state."""
        return self._state.get(key)

    def get_many(self, wanted: Sequence[str]) -> Mapping[str, str]:
        """Return the values of those keys that have one."""
        return {key: self._state[key] for key in wanted if key in self._state}

    def page(self, after: str) -> Sequence[tuple[str, str]]:
        """Return the first keys that come after a key, with their values."""
        return [item for item in sorted(self._state.items()) if item[0] > after][:PAGE_KEYS]

    def items(self, prefix: str) -> Iterable[tuple[str, str]]:
        """Return keys and values in the order of the keys."""
        return [item for item in sorted(self._state.items()) if item[0].startswith(prefix)]

    def _read(self, envelope: str) -> tuple[str, TransactionBody]:
        try:
            creator = signing.key_id_of(envelope)
            pinned = self._state.get(state_keys.key(creator))
            if pinned is None:
                raise TransactionRefused(f"key {creator} is not known to the ledger")
            public = PublicKey.from_pem(decode(PinnedKey, pinned).public_key_pem)
            body = decode(TransactionBody, public.verify(envelope, signing.TRANSACTION))
        except WireError as error:
            raise TransactionRefused(str(error)) from error
        if abs(body.timestamp_ms - self._clock()) > _WINDOW_MS:
            raise TransactionRefused(f"transaction {body.transaction_id} is not of this minute")
        return creator, body

    def _append(self, record: TransactionRecord) -> None:
        previous_hash = self._blocks[-1].hash if self._blocks else ""
        content = canonical_json([len(self._blocks), previous_hash, to_plain(record)])
        digest = sha256_hex(content)
        self._blocks.append(
            Block(
                number=len(self._blocks),
                previous_hash=previous_hash,
                hash=digest,
                timestamp_ms=record.timestamp_ms,
                signature=self._block_key.sign(digest.encode(), signing.BLOCK),
                transactions=(record,),
            )
        )
        self._records[record.transaction_id] = record
        for key, value in record.writes.items():
            if value is None:
                self._state.pop(key, None)
            else:
                self._state[key] = value
