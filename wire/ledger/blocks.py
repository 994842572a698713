"""What a ledger returns: blocks, their transactions, and what became of each operation. The same for every ledger."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class OperationStatus(StrEnum):
    """What became of one operation of a transaction."""

    APPLIED = "applied"
    #: The same operation was applied before; nothing changed.
    REPEATED = "repeated"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class OperationResult:
    """The contract's answer to one operation."""

    operation_id: str
    kind: str
    status: OperationStatus
    #: A `Refusal` code (wire.ledger.refusals), its detail beside it; empty unless refused.
    reason: str = ""
    detail: str = ""

    def plain(self) -> dict[str, str]:
        """Return the result as JSON's own types: what is hashed, stored and sent."""
        told = {"operation_id": self.operation_id, "kind": self.kind, "status": self.status.value}
        return told | {"reason": self.reason, "detail": self.detail} if self.reason else told


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One change, named and versioned, as `job.settled.v1`."""

    name: str
    #: The job, account, version or provider that changed.
    subject: str
    #: JSON's own types.
    body: Mapping[str, Any]

    def plain(self) -> dict[str, Any]:
        """Return the event as JSON's own types: what is hashed, stored and sent."""
        return {"name": self.name, "subject": self.subject, "body": self.body}


@dataclass(frozen=True, kw_only=True, slots=True)
class TransactionRecord:
    """One transaction as a block holds it."""

    transaction_id: str
    #: Key id of the submitter.
    creator: str
    timestamp_ms: int
    #: The submitter's JWS (type `signing.TRANSACTION`) over a `TransactionBody`.
    envelope: str
    results: tuple[OperationResult, ...]
    #: Keys that changed, with the new value; None where the key was deleted.
    writes: Mapping[str, str | None]
    events: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A block: chained to the one before by its hash, signed by the ledger."""

    number: int
    previous_hash: str
    hash: str
    timestamp_ms: int
    #: JWS (type `signing.BLOCK`) over the block's hash.
    signature: str
    transactions: tuple[TransactionRecord, ...]

    def events(self) -> Iterator[Event]:
        """Yield what its transactions changed, in order."""
        for record in self.transactions:
            yield from record.events


@dataclass(frozen=True, kw_only=True, slots=True)
class TransactionBody:
    """What a submitter signs: its operations in order."""

    transaction_id: str
    timestamp_ms: int
    #: Each is the canonical JSON of an `Operation`, or a JWS (type `signing.OPERATION`) over one by its author.
    operations: tuple[str, ...]
