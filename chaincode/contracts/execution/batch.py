"""Runs a transaction's operations: each is applied or refused alone, with one read and one write for all.

Keys that arguments name are read in one round trip. A job's record names the developer's account and two counters;
where a batch has not read those yet, they are read in a second one.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chaincode.contracts.errors import Refused
from chaincode.contracts.execution.ids import require_own_id
from chaincode.contracts.execution.reading import Submitted, read
from chaincode.contracts.execution.registered import TRANSACTIONS
from chaincode.contracts.governance.proposals import propose
from chaincode.contracts.stub import Stub
from chaincode.contracts.transaction.cache import StateCache
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.keyring import public_key
from wire.errors import BadSignature
from wire.ledger import state_keys
from wire.ledger.blocks import Event, OperationResult, OperationStatus
from wire.ledger.records import Applied, JobRecord, PinnedKey
from wire.ledger.refusals import Refusal
from wire.signing import OPERATION

log = logging.getLogger(__name__)

#: What a mistake in a contract raises. Failures of the ledger itself (I/O) are none of these: they end the transaction.
_MISTAKES = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchOutcome:
    """What became of a batch."""

    results: tuple[OperationResult, ...]
    #: Keys that changed, with the new value; None where the key was deleted.
    writes: dict[str, str | None]
    events: tuple[Event, ...]


def run(stub: Stub, texts: Sequence[str]) -> BatchOutcome:
    """Apply each operation that can be applied, write the changes and emit the events.

    `texts` are operations in canonical JSON, or JWS of such by their authors.
    """
    batch = [read(text) for text in texts]
    cache = StateCache(stub)
    cache.prefetch(_named(stub, batch))
    cache.prefetch(_named_by_jobs(cache, batch))
    events: list[Event] = []
    results = tuple(_one(stub, cache, item, events) for item in batch)
    writes = dict(cache.writes())
    stub.put_many(writes)
    stub.emit(events)
    return BatchOutcome(results=results, writes=writes, events=tuple(events))


def _named(stub: Stub, batch: Iterable[Submitted | Refused]) -> Iterator[str]:
    yield state_keys.key(stub.creator)
    for item in batch:
        if isinstance(item, Submitted):
            yield state_keys.operations(item.subject)
            yield from (state_keys.key(item.key_id),) if item.key_id else ()
            yield from TRANSACTIONS[item.kind].reads(item.arguments)


def _named_by_jobs(cache: StateCache, batch: Iterable[Submitted | Refused]) -> Iterator[str]:
    for item in batch:
        job_id = getattr(item.arguments, "job_id", None) if isinstance(item, Submitted) else None
        job = cache.get(JobRecord, state_keys.job(job_id)) if job_id else None
        if job:
            yield state_keys.account(job.developer_id)
            yield state_keys.invocation(job.invocation_id)
            yield state_keys.spent(job.version_id, job.placed_at_ms)


def _one(stub: Stub, cache: StateCache, item: Submitted | Refused, events: list[Event]) -> OperationResult:
    if isinstance(item, Refused):
        return _refusal("", "", item)
    emitted: list[Event] = []
    try:
        status = _apply(stub, cache, item, emitted)
    except Refused as refused:
        cache.undo()
        return _refusal(item.operation_id, item.kind, refused)
    except _MISTAKES:
        cache.undo()
        log.exception("operation.raised", extra={"operation_id": item.operation_id, "kind": item.kind})
        return _refusal(item.operation_id, item.kind, Refused(Refusal.RAISED))
    cache.keep()
    events.extend(emitted)
    return OperationResult(operation_id=item.operation_id, kind=item.kind, status=status)


def _apply(stub: Stub, cache: StateCache, item: Submitted, emitted: list[Event]) -> OperationStatus:
    author = _author(stub, cache, item)
    require_own_id(item, author)
    place = state_keys.operations(item.subject)
    applied = cache.get(Applied, place)
    digests = applied.digests if applied else {}
    if item.kind in digests:
        if digests[item.kind] != item.digest:
            raise Refused(Refusal.CONFLICT)
        return OperationStatus.REPEATED
    ctx = Context(
        cache=cache,
        transaction_id=stub.transaction_id,
        timestamp_ms=stub.timestamp_ms,
        operation_id=item.operation_id,
        author=author,
        events=emitted,
    )
    called = TRANSACTIONS[item.kind]
    if called.proposers:
        propose(ctx, called, item.arguments, item.digest)
    else:
        called.apply(ctx, item.arguments)
    cache.put(place, Applied(digests={**digests, item.kind: item.digest}))
    return OperationStatus.APPLIED


def _author(stub: Stub, cache: StateCache, item: Submitted) -> PinnedKey:
    """Return who answers for the operation: the key that signed it, else the key that signed the transaction."""
    author = cache.get(PinnedKey, state_keys.key(item.key_id or stub.creator))
    if author is None or not author.active:
        raise Refused(Refusal.UNKNOWN_KEY)
    if item.jws:
        try:
            public_key(author.public_key_pem).verify(item.jws, OPERATION)
        except BadSignature as error:
            raise Refused(Refusal.BAD_SIGNATURE, str(error)) from error
    return author


def _refusal(operation_id: str, kind: str, refused: Refused) -> OperationResult:
    return OperationResult(
        operation_id=operation_id,
        kind=kind,
        status=OperationStatus.REFUSED,
        reason=refused.code.value,
        detail=refused.detail,
    )
