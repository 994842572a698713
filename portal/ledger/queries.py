"""Reads of the ledger's read model, for pages and the API."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, Count, F, Q, QuerySet, Sum, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from chaincode.contracts.genesis import WHOLE_PPM
from portal.ledger.models import (
    Balance,
    LedgerBlock,
    LedgerEvent,
    LedgerJob,
    LedgerTransaction,
    OutboxOperation,
    OutboxState,
)
from portal.providers.models import Provider

#: The longest page.
MOST_AT_ONCE = 200
#: What pays for a job.
_PAYMENTS = ("job.settled.v1", "job.cancelled.v1")
#: What moves money inside an account only.
_INSIDE = {
    "account.deposited.v1": "deposited",
    "deposit.withdrawn.v1": "withdrawn",
    "payout.asked.v1": "payout_asked",
    "payout.refused.v1": "payout_refused",
}
_OWN_EVENTS = (*_INSIDE, "account.minted.v1", "account.transferred.v1", "payout.burned.v1", "epoch.paid.v1")


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
class StatementLine:
    """One movement of an account's money."""

    #: Of the event; lines are asked for before an id.
    id: int
    at: datetime
    #: minted, deposited, withdrawn, spent, earned, shared, sent, received, payout_asked, paid_out or payout_refused.
    kind: str
    #: What it adds to all the account holds together; what only moves inside the account adds nothing.
    amount_micro: int
    #: What was moved, where the amount is 0.
    moved_micro: int
    #: The job, the reference of the payment outside, or the other account.
    reference: str
    transaction_id: str
    block_number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class JobView:
    """A job's record with all that happened to it, oldest first."""

    job_id: str
    state: str
    record: Mapping[str, Any]
    events: tuple[EventView, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class OperationView:
    """One operation as the outbox has it."""

    operation_id: str
    kind: str
    subject: str
    state: str
    #: Why it was refused or set aside.
    reason: str
    transaction_id: str
    created_at: datetime
    settled_at: datetime | None


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


def statement(account_id: UUID, *, before: int | None = None, limit: int = 50) -> Sequence[StatementLine]:
    """Return the movements of an account's money, newest first; `before`: the id of the last line seen so far."""
    account = str(account_id)
    providers = list(Provider.objects.filter(owner_id=account_id).values_list("id", flat=True))
    jobs = LedgerJob.objects.filter(Q(developer_id=account_id) | Q(provider_id__in=providers), payment_done=True)
    own = Q(subject=account, name__in=_OWN_EVENTS) | Q(recipient=account)
    events = _page(
        LedgerEvent.objects.filter(own | Q(subject__in=jobs.values("id"), name__in=_PAYMENTS)), before, limit
    )
    paid = [event.subject for event in events if event.name in _PAYMENTS]
    records = dict(LedgerJob.objects.filter(id__in=paid).values_list("id", "record"))
    return [line for event in events for line in _lines(account, event, records)]


def job(job_id: str) -> JobView | None:
    """Return a job's record with its events; None when the ledger has no such job."""
    row = LedgerJob.objects.filter(id=job_id).first()
    if row is None:
        return None
    events = LedgerEvent.objects.filter(subject=job_id, name__startswith="job.").order_by("id")
    return JobView(job_id=row.id, state=row.state, record=row.record, events=_event_views(events))


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
        operations=tuple(_operation_view(item) for item in OutboxOperation.sent_in(transaction_id)),
        events=_event_views(row.events.order_by("id")),
    )


def operation(operation_id: str) -> OperationView | None:
    """Return where an operation stands; None when the outbox has no such operation."""
    row = OutboxOperation.objects.filter(operation_id=operation_id).first()
    return None if row is None else _operation_view(row)


def provider_shares(job_ids: Sequence[str]) -> Mapping[str, int]:
    """Return what the providers' accounts got for those of some jobs that are settled."""
    settled = LedgerJob.objects.filter(id__in=job_ids, payment_done=True).values_list("id", "record")
    return {job_id: provider_share(record) for job_id, record in settled}


def earned_by(account_id: UUID) -> int:
    """Return what an account's providers earned in all, in micro-credits."""
    providers = [str(item) for item in Provider.objects.filter(owner_id=account_id).values_list("id", flat=True)]
    settled = LedgerJob.objects.filter(provider_id__in=providers, payment_done=True)
    earned = settled.aggregate(total=Sum(F("cost_micro") - _fee("platform_ppm") - _fee("peers_ppm")))["total"]
    return int(earned or 0)


def _fee(rate: str) -> Any:
    # Whole numbers divide to whole numbers, rounded down, in SQLite and PostgreSQL: as `provider_share` does.
    return F("cost_micro") * Cast(KT(f"record__fee_policy__{rate}"), BigIntegerField()) / Value(WHOLE_PPM)


def waiting_operations(subject: object) -> Sequence[OperationView]:
    """Return the operations about an account, a job, a version or a provider that no block shows yet."""
    waiting = OutboxOperation.objects.filter(
        subject=str(subject), state__in=(OutboxState.PENDING, OutboxState.SUBMITTED)
    )
    return [_operation_view(row) for row in waiting.order_by("id")[:MOST_AT_ONCE]]


def outbox_counts() -> Mapping[str, int]:
    """Return how many operations wait, are on their way, and were set aside: for administrators."""
    watched = (OutboxState.PENDING, OutboxState.SUBMITTED, OutboxState.SET_ASIDE)
    counted = (
        OutboxOperation.objects.filter(settled_at__isnull=True, state__in=watched)
        .values_list("state")
        .annotate(Count("id"))
    )
    return {state.value: 0 for state in watched} | dict(counted)


def set_aside(limit: int) -> Sequence[OperationView]:
    """Return the oldest operations that were set aside, each with its reason: for administrators."""
    rows = OutboxOperation.objects.filter(settled_at__isnull=True, state=OutboxState.SET_ASIDE).order_by("id")
    return [_operation_view(row) for row in rows[:limit]]


def _page(events: QuerySet[LedgerEvent], before: int | None, limit: int) -> QuerySet[LedgerEvent]:
    if before is not None:
        events = events.filter(id__lt=before)
    return events.select_related("transaction").order_by("-id")[: min(limit, MOST_AT_ONCE)]


def _lines(account: str, event: LedgerEvent, records: Mapping[str, Any]) -> Iterable[StatementLine]:
    """Yield what an event moved on an account; `records` are those of the jobs that were paid."""
    movements = _payment(account, records[event.subject]) if event.name in _PAYMENTS else _movements(account, event)
    for kind, amount, moved, reference in movements:
        yield StatementLine(
            id=event.id,
            at=event.at,
            kind=kind,
            amount_micro=amount,
            moved_micro=moved,
            reference=reference,
            transaction_id=event.transaction_id,
            block_number=event.transaction.block_id,
        )


def _movements(account: str, event: LedgerEvent) -> Iterable[tuple[str, int, int, str]]:
    body = event.body
    if event.name == "account.minted.v1":
        yield "minted", body["amount_micro"], body["amount_micro"], body["reference"]
    elif event.name == "epoch.paid.v1":
        yield "shared", body["amount_micro"], body["amount_micro"], f"epoch {body['epoch']}"
    elif event.name in _INSIDE:
        yield _INSIDE[event.name], 0, body.get("amount_micro") or body["amount"], ""
    elif event.name == "payout.burned.v1":
        yield "paid_out", -body["amount"], body["amount"], body["reference"]
    elif event.name == "account.transferred.v1":
        amount = body["amount_micro"]
        if event.subject == account:
            yield "sent", -amount, amount, body["to_account_id"]
        if event.recipient == account:
            yield "received", amount, amount, body["account_id"]


def _payment(account: str, record: Mapping[str, Any]) -> Iterable[tuple[str, int, int, str]]:
    if (record["payer_id"] or record["developer_id"]) == account:
        yield "spent", -record["cost_micro"], record["cost_micro"], record["job_id"]
    if record["account_id"] == account:
        share = provider_share(record)
        yield "earned", share, share, record["job_id"]


def provider_share(record: Mapping[str, Any]) -> int:
    """Return what of a settled job's cost its provider's account got: all but the fees, which are rounded down."""
    cost, policy = int(record["cost_micro"]), record["fee_policy"]
    platform = cost * int(policy["platform_ppm"]) // WHOLE_PPM
    peers = cost * int(policy["peers_ppm"]) // WHOLE_PPM
    return cost - platform - peers


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


def _operation_view(row: OutboxOperation) -> OperationView:
    return OperationView(
        operation_id=row.operation_id,
        kind=row.kind,
        subject=row.subject,
        state=row.state,
        reason=row.reason,
        transaction_id=row.transaction_id,
        created_at=row.created_at,
        settled_at=row.settled_at,
    )
