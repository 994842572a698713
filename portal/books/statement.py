"""The movements of an account's money."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from portal.books.models import LedgerEvent, LedgerJob
from portal.outbox.queries import MOST_AT_ONCE
from portal.providers.models import Provider
from wire.ledger.events import (
    ACCOUNT_DEPOSITED,
    ACCOUNT_MINTED,
    ACCOUNT_TRANSFERRED,
    DEPOSIT_WITHDRAWN,
    EPOCH_PAID,
    job_is,
    payout_is,
)
from wire.ledger.states import JobRecordState, PayoutState

#: What pays for a job.
_PAYMENTS = (job_is(JobRecordState.SETTLED), job_is(JobRecordState.CANCELLED))
#: What moves money inside an account only.
_INSIDE = {
    ACCOUNT_DEPOSITED: "deposited",
    DEPOSIT_WITHDRAWN: "withdrawn",
    payout_is(PayoutState.ASKED): "payout_asked",
    payout_is(PayoutState.REFUSED): "payout_refused",
}
_OWN_EVENTS = (
    *_INSIDE,
    ACCOUNT_MINTED,
    ACCOUNT_TRANSFERRED,
    payout_is(PayoutState.BURNED),
    EPOCH_PAID,
)


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
    rows = LedgerJob.objects.in_bulk(paid)
    return [line for event in events for line in _lines(account, event, rows)]


def _page(events: QuerySet[LedgerEvent], before: int | None, limit: int) -> QuerySet[LedgerEvent]:
    if before is not None:
        events = events.filter(id__lt=before)
    return events.select_related("transaction").order_by("-id")[: min(limit, MOST_AT_ONCE)]


def _lines(account: str, event: LedgerEvent, rows: Mapping[str, LedgerJob]) -> Iterable[StatementLine]:
    """Yield what an event moved on an account; `rows` are those of the jobs that were paid."""
    movements = _payment(account, rows[event.subject]) if event.name in _PAYMENTS else _movements(account, event)
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
    if event.name == ACCOUNT_MINTED:
        yield "minted", body["amount_micro"], body["amount_micro"], body["reference"]
    elif event.name == EPOCH_PAID:
        yield "shared", body["amount_micro"], body["amount_micro"], f"epoch {body['epoch']}"
    elif event.name in _INSIDE:
        yield _INSIDE[event.name], 0, body.get("amount_micro") or body["amount"], ""
    elif event.name == payout_is(PayoutState.BURNED):
        yield "paid_out", -body["amount"], body["amount"], body["reference"]
    elif event.name == ACCOUNT_TRANSFERRED:
        amount = body["amount_micro"]
        if event.subject == account:
            yield "sent", -amount, amount, body["to_account_id"]
        if event.recipient == account:
            yield "received", amount, amount, body["account_id"]


def _payment(account: str, job: LedgerJob) -> Iterable[tuple[str, int, int, str]]:
    cost, share = job.cost_micro or 0, job.provider_share_micro or 0
    if (job.record["payer_id"] or job.record["developer_id"]) == account:
        yield "spent", -cost, cost, job.id
    if job.record["account_id"] == account:
        yield "earned", share, share, job.id
