"""What became of operations: outbox rows are closed, and reservations of jobs that the ledger has answered released."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models import F

from chaincode.blocks import Block, OperationResult, OperationStatus, TransactionRecord
from chaincode.contracts.errors import Refusal
from chaincode.contracts.operations import CreateJob
from portal.ledger.models import Balance, OutboxOperation, OutboxState, Reservation
from portal.ledger.operations import operation_id_of
from portal.ledger.read_model.moments import moment

log = logging.getLogger(__name__)

_REASON_LENGTH = 300
_CREATE_JOB = operation_id_of(CreateJob, "")


def settle(blocks: Sequence[Block]) -> None:
    """Close the outbox rows of all operations in these blocks, and release what their jobs had reserved."""
    for block in blocks:
        results = [result for record in block.transactions for result in _named(record)]
        _close(results, at=moment(block.timestamp_ms))
        _release(result.operation_id.removeprefix(_CREATE_JOB) for result in results if result.kind == CreateJob.kind)


def _named(record: TransactionRecord) -> Iterator[OperationResult]:
    """Yield a transaction's results; one that the contracts could not read gets its id from the row at its place."""
    if all(result.operation_id for result in record.results):
        yield from record.results
        return
    rows = OutboxOperation.objects.filter(transaction_id=record.transaction_id).order_by("id")
    identities = list(rows.values_list("operation_id", "kind"))
    for result, (operation_id, kind) in zip(record.results, identities, strict=False):
        yield result if result.operation_id else replace(result, operation_id=operation_id, kind=kind)


def _close(results: Sequence[OperationResult], at: datetime) -> None:
    """Close rows; an operation that was applied once stays committed, whatever a repeat of it met."""
    done = [result.operation_id for result in results if result.status is not OperationStatus.REFUSED]
    OutboxOperation.objects.filter(operation_id__in=done).exclude(state=OutboxState.COMMITTED).update(
        state=OutboxState.COMMITTED, reason="", settled_at=at
    )
    for result in results:
        if result.status is OperationStatus.REFUSED:
            _refuse(result, at)


def _refuse(result: OperationResult, at: datetime) -> None:
    raised = result.reason == Refusal.RAISED
    state = OutboxState.SET_ASIDE if raised else OutboxState.REFUSED
    reason = f"{result.reason}: {result.detail}"[:_REASON_LENGTH]
    rows = OutboxOperation.objects.filter(operation_id=result.operation_id)
    if not rows.filter(state__in=(OutboxState.PENDING, OutboxState.SUBMITTED)).update(
        state=state, reason=reason, settled_at=at
    ):
        return
    if raised:
        log.error("ledger.operation_set_aside", extra={"operation_id": result.operation_id, "reason": reason})
    else:
        log.warning("ledger.operation_refused", extra={"operation_id": result.operation_id, "reason": reason})


def _release(job_ids: Iterable[str]) -> None:
    reservations = list(Reservation.objects.filter(job_id__in=list(job_ids)))
    if not reservations:
        return
    released: dict[str, int] = defaultdict(int)
    for reservation in reservations:
        released[reservation.account_id] += reservation.amount_micro
    Reservation.objects.filter(job_id__in=[reservation.job_id for reservation in reservations]).delete()
    for account_id, amount in sorted(released.items()):
        Balance.objects.filter(account_id=account_id).update(reserved_micro=F("reserved_micro") - amount)
