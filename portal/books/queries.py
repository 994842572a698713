"""Reads of the ledger's read model, for pages and the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from portal.books.models import Balance, LedgerBlock, LedgerEvent, LedgerJob, LedgerTransaction
from portal.outbox.models import OutboxOperation
from portal.outbox.queries import MOST_AT_ONCE
from wire.ledger import events


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountBalance:
    """An account's money in micro-credits, as of the last block."""

    account_id: str
    available_micro: int = 0
    deposit_micro: int = 0
    held_micro: int = 0
    #: Part of the deposit that is promised to jobs no block shows yet.
    reserved_micro: int = 0

    @property
    def free_micro(self) -> int:
        """What new jobs may still cost."""
        return self.deposit_micro - self.reserved_micro


@dataclass(frozen=True, kw_only=True, slots=True)
class JobHistory:
    """A job's record with all that happened to it, oldest first."""

    job_id: str
    state: str
    record: Mapping[str, Any]
    events: tuple[LedgerEvent, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TransactionDetail:
    """A transaction with its operations and what they changed."""

    transaction: LedgerTransaction
    #: Those that came from this portal's outbox, in order.
    operations: tuple[OutboxOperation, ...]
    events: tuple[LedgerEvent, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockDetail:
    """A block with its transactions."""

    block: LedgerBlock
    transactions: tuple[LedgerTransaction, ...]


def balance(account_id: object) -> AccountBalance:
    """Return an account's money; an account that never had any has nothing."""
    row = Balance.objects.filter(account_id=str(account_id)).values().first()
    return AccountBalance(**(row or {"account_id": str(account_id)}))


def job(job_id: str) -> JobHistory | None:
    """Return a job's record with its events; None when the ledger has no such job."""
    row = LedgerJob.objects.filter(id=job_id).first()
    if row is None:
        return None
    history = LedgerEvent.objects.filter(subject=job_id, name__startswith=events.OF_JOBS)
    return JobHistory(job_id=row.id, state=row.state, record=row.record, events=_events(history))


def latest_blocks(*, before: int | None = None, limit: int = 50) -> Sequence[LedgerBlock]:
    """Return blocks, newest first; `before` is the number of the last one of the page before."""
    rows = LedgerBlock.objects.order_by("-number")
    if before is not None:
        rows = rows.filter(number__lt=before)
    return list(rows[: min(limit, MOST_AT_ONCE)])


def block(number: int) -> BlockDetail | None:
    """Return a block with its transactions; None when the read model has no such block."""
    row = LedgerBlock.objects.filter(number=number).first()
    if row is None:
        return None
    return BlockDetail(block=row, transactions=tuple(row.transactions.order_by("position")))


def transaction(transaction_id: str) -> TransactionDetail | None:
    """Return a transaction with its operations and events; None when the read model has no such transaction."""
    row = LedgerTransaction.objects.filter(id=transaction_id).first()
    if row is None:
        return None
    return TransactionDetail(
        transaction=row,
        operations=tuple(OutboxOperation.sent_in(transaction_id)),
        events=_events(row.events.all()),
    )


def _events(of: QuerySet[LedgerEvent]) -> tuple[LedgerEvent, ...]:
    return tuple(of.order_by("id").select_related("transaction"))
