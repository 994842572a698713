"""Reads of the ledger's read model, for pages and the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet, Sum

from portal.books.models import Balance, LedgerBlock, LedgerEvent, LedgerJob, LedgerTransaction
from portal.outbox.models import OutboxOperation
from portal.outbox.queries import MOST_AT_ONCE, OperationView, operation_view
from wire.ledger import events


@dataclass(frozen=True, kw_only=True, slots=True)
class BalanceView:
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
class EventView:
    """One change on the ledger."""

    id: int
    name: str
    subject: str
    at: datetime
    transaction_id: str
    block_number: int
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class JobView:
    """A job's record with all that happened to it, oldest first."""

    job_id: str
    state: str
    record: Mapping[str, Any]
    events: tuple[EventView, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TransactionView:
    """A transaction as its block lists it."""

    transaction_id: str
    block_number: int
    position: int
    #: Key id of the submitter.
    creator: str
    at: datetime
    operation_count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TransactionDetail:
    """A transaction with its operations and what they changed."""

    transaction: TransactionView
    #: Those that came from this portal's outbox, in order.
    operations: tuple[OperationView, ...]
    events: tuple[EventView, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockView:
    """A block as lists show it."""

    number: int
    hash: str
    previous_hash: str
    at: datetime
    transaction_count: int
    operation_count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockDetail:
    """A block with its transactions."""

    block: BlockView
    transactions: tuple[TransactionView, ...]


def balance(account_id: object) -> BalanceView:
    """Return an account's money; an account that never had any has nothing."""
    row = Balance.objects.filter(account_id=str(account_id)).first()
    if row is None:
        return BalanceView(account_id=str(account_id))
    return BalanceView(
        account_id=row.account_id,
        available_micro=row.available_micro,
        deposit_micro=row.deposit_micro,
        held_micro=row.held_micro,
        reserved_micro=row.reserved_micro,
    )


def job(job_id: str) -> JobView | None:
    """Return a job's record with its events; None when the ledger has no such job."""
    row = LedgerJob.objects.filter(id=job_id).first()
    if row is None:
        return None
    history = LedgerEvent.objects.filter(subject=job_id, name__startswith=events.OF_JOBS).order_by("id")
    return JobView(job_id=row.id, state=row.state, record=row.record, events=_event_views(history))


def latest_blocks(*, before: int | None = None, limit: int = 50) -> Sequence[BlockView]:
    """Return blocks, newest first; `before` is the number of the last one of the page before."""
    rows = LedgerBlock.objects.order_by("-number")
    if before is not None:
        rows = rows.filter(number__lt=before)
    return [_block_view(row) for row in _counted(rows)[: min(limit, MOST_AT_ONCE)]]


def block(number: int) -> BlockDetail | None:
    """Return a block with its transactions; None when the read model has no such block."""
    row = _counted(LedgerBlock.objects.filter(number=number)).first()
    if row is None:
        return None
    transactions = row.transactions.order_by("position")
    return BlockDetail(block=_block_view(row), transactions=tuple(_transaction_view(item) for item in transactions))


def transaction(transaction_id: str) -> TransactionDetail | None:
    """Return a transaction with its operations and events; None when the read model has no such transaction."""
    row = LedgerTransaction.objects.filter(id=transaction_id).first()
    if row is None:
        return None
    return TransactionDetail(
        transaction=_transaction_view(row),
        operations=tuple(operation_view(item) for item in OutboxOperation.sent_in(transaction_id)),
        events=_event_views(row.events.order_by("id")),
    )


def _event_views(events: QuerySet[LedgerEvent]) -> tuple[EventView, ...]:
    return tuple(
        EventView(
            id=event.id,
            name=event.name,
            subject=event.subject,
            at=event.at,
            transaction_id=event.transaction_id,
            block_number=event.transaction.block_id,
            body=event.body,
        )
        for event in events.select_related("transaction")
    )


def _counted(blocks: QuerySet[LedgerBlock]) -> QuerySet[LedgerBlock]:
    return blocks.annotate(operation_count=Sum("transactions__operation_count", default=0))


def _block_view(row: Any) -> BlockView:
    return BlockView(
        number=row.number,
        hash=row.hash,
        previous_hash=row.previous_hash,
        at=row.at,
        transaction_count=row.transaction_count,
        operation_count=row.operation_count,
    )


def _transaction_view(row: LedgerTransaction) -> TransactionView:
    return TransactionView(
        transaction_id=row.id,
        block_number=row.block_id,
        position=row.position,
        creator=row.creator,
        at=row.at,
        operation_count=row.operation_count,
    )
