"""What became of operations: outbox rows are closed, and what closed creations of jobs had reserved is released.

Anyone whom the ledger knows may submit an operation of any id, and be refused: a refusal closes the row only that was
sent in the same transaction. What was applied is applied, whoever sent it: ids belong to their authors
(chaincode.contracts.execution.ids).
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import QuerySet
from prometheus_client import Counter

from portal.books.read_model.reservations import release
from portal.moments import moment
from portal.outbox.models import OutboxOperation, OutboxState
from wire.ledger.blocks import Block, OperationResult, OperationStatus, TransactionRecord
from wire.ledger.operations import CreateJob, SupersedeJob, operation_id_of
from wire.ledger.refusals import RETRYABLE, Refusal

log = logging.getLogger(__name__)

REFUSED = Counter(
    "chainfaas_ledger_refused",
    "Operations that the ledger refused for good, or that were set aside, by kind and reason.",
    ["kind", "reason"],
    registry=None,
)
_REASON_LENGTH = 300
#: How long an operation is sent again that waits for another one (wire.ledger.refusals.RETRYABLE).
MOST_PATIENCE = timedelta(days=2)
_SHORTEST_PAUSE = timedelta(seconds=1)
#: A failed job's receipt is followed by superseding it: where the receipt was taken there is nothing left to release.
_EXPECTED = frozenset({(SupersedeJob.kind, Refusal.WRONG_STATE.value)})
_CREATE_JOB = operation_id_of(CreateJob, "")


def settle(blocks: Sequence[Block]) -> None:
    """Close the outbox rows of all operations in these blocks, and release what their jobs had reserved."""
    for block in blocks:
        at = moment(block.timestamp_ms)
        closed = _commit([result for record in block.transactions for result in record.results], at)
        for record in block.transactions:
            # What waits or is set aside may still be sent again: its ticket is out, and its money stays promised.
            closed += [result for result in _named(record) if _is_refused(result) and _refuse(record, result, at)]
        release(item.operation_id.removeprefix(_CREATE_JOB) for item in closed if item.kind == CreateJob.kind)


def _named(record: TransactionRecord) -> Iterator[OperationResult]:
    """Yield a transaction's results; one that the contracts could not read gets its id from the row at its place."""
    if all(result.operation_id for result in record.results):
        yield from record.results
        return
    for result, row in zip(record.results, OutboxOperation.sent_in(record.transaction_id), strict=False):
        yield result if result.operation_id else replace(result, operation_id=row.operation_id, kind=row.kind)


def _is_refused(result: OperationResult) -> bool:
    return result.status is OperationStatus.REFUSED


def _commit(results: Sequence[OperationResult], at: datetime) -> list[OperationResult]:
    """Close the rows of what was applied, and return those; it stays committed, whatever a repeat of it meets."""
    done = [result for result in results if not _is_refused(result)]
    rows = OutboxOperation.objects.filter(operation_id__among=[result.operation_id for result in done])
    rows.exclude(state=OutboxState.COMMITTED).update(state=OutboxState.COMMITTED, reason="", answered_at=at)
    return done


def _refuse(record: TransactionRecord, result: OperationResult, at: datetime) -> bool:
    """Return whether the refusal closed a row for good."""
    raised = result.reason == Refusal.RAISED
    state = OutboxState.SET_ASIDE if raised else OutboxState.REFUSED
    reason = f"{result.reason}: {result.detail}"[:_REASON_LENGTH]
    on_its_way = OutboxOperation.objects.filter(
        operation_id=result.operation_id, state=OutboxState.SUBMITTED, transaction_id=record.transaction_id
    )
    if result.reason in RETRYABLE and _send_again(on_its_way, reason, at):
        log.info("ledger.operation_waits", extra={"operation_id": result.operation_id, "reason": reason})
        return False
    if not on_its_way.update(state=state, reason=reason, answered_at=None if raised else at):
        return False
    REFUSED.labels(kind=result.kind, reason=result.reason).inc()
    if (result.kind, result.reason) in _EXPECTED:
        log.debug("ledger.operation_needless", extra={"operation_id": result.operation_id, "reason": reason})
    elif raised:
        log.error("ledger.operation_set_aside", extra={"operation_id": result.operation_id, "reason": reason})
    else:
        log.warning("ledger.operation_refused", extra={"operation_id": result.operation_id, "reason": reason})
    return not raised


def _send_again(rows: QuerySet[OutboxOperation], reason: str, at: datetime) -> bool:
    """Put an operation back to be sent when it has waited as long again; give up after some days."""
    created_at = rows.values_list("created_at", flat=True).first()
    if created_at is None or at - created_at > MOST_PATIENCE:
        return False
    due_at = at + max(_SHORTEST_PAUSE, at - created_at)
    return bool(rows.update(state=OutboxState.PENDING, transaction_id="", reason=reason, due_at=due_at))
