"""Jobs whose digests differ: what administrators see of them, and what they propose to do."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from portal.accounts.models import Account
from portal.accounts.operations import require_administrator
from portal.books import queries
from portal.books.models import LedgerJob
from portal.books.queries import JobHistory
from portal.books.visibility import RecordMissing
from portal.errors import Invalid
from portal.governance.content import Decision, RequestKind
from portal.governance.errors import DecisionWaits
from portal.governance.models import GovernedRequest
from portal.governance.storing import checked_note, propose
from portal.outbox.models import OutboxOperation, OutboxState
from portal.outbox.operations import text_of
from wire.codec import parse_object
from wire.ledger.fees import shares
from wire.ledger.operations import ClaimJob, SubmitReceipt
from wire.ledger.records import FeePolicy
from wire.ledger.states import JobRecordState
from wire.money import billed_ms, cost_of
from wire.signing import payload_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Payment:
    """What a decision would pay, in micro-credits."""

    pay_ms: int
    cost_micro: int
    provider_micro: int
    #: To the platform and the peers together.
    fees_micro: int
    #: Back to the developer's deposit.
    released_micro: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Mismatch:
    """A job that waits for a decision, with what speaks for either side."""

    job: JobHistory
    #: What the provider signed, and the signed text itself; empty when it did not come through this portal.
    receipt: dict[str, Any]
    receipt_jws: str
    #: If the time that the provider claims is paid, and if the least that anybody says is.
    as_claimed: Payment
    as_billed: Payment
    #: The decision that waits for its second approval.
    decision: GovernedRequest | None


def open_mismatches() -> QuerySet[LedgerJob]:
    """Return the jobs that wait for a decision, oldest first: for administrators."""
    return LedgerJob.objects.filter(state=JobRecordState.MISMATCH).order_by("created_at", "id")


def mismatch(job_id: str) -> Mismatch:
    """Return a job that waits for a decision: for administrators.

    :raises RecordMissing: when no such job waits.
    """
    job = queries.job(job_id)
    if job is None or job.state != JobRecordState.MISMATCH:
        raise RecordMissing
    record = job.record
    least = billed_ms(claimed_ms=record["claimed_ms"], observed_ms=record["observed_ms"], max_ms=record["max_ms"])
    jws = _receipt_jws(job_id)
    return Mismatch(
        job=job,
        receipt=parse_object(payload_of(jws)) if jws else {},
        receipt_jws=jws,
        as_claimed=payment(record, record["claimed_ms"] or 0),
        as_billed=payment(record, min(least, record["claimed_ms"] or 0)),
        decision=_open_decisions(job_id).first(),
    )


def payment(record: Any, pay_ms: int) -> Payment:
    """Return what a job's record says that so much time costs; 0 pays nothing."""
    cost = int(cost_of(run_ms=pay_ms, price_nano_per_ms=record["price_nano_per_ms"])) if pay_ms else 0
    share = shares(cost, FeePolicy(**record["fee_policy"])).provider
    return Payment(
        pay_ms=pay_ms,
        cost_micro=cost,
        provider_micro=share,
        fees_micro=cost - share,
        released_micro=record["max_cost_micro"] - cost,
    )


def payment_of(request: GovernedRequest) -> Payment | None:
    """Return what a decision pays; none for other requests."""
    content = request.content
    if not isinstance(content, Decision):
        return None
    row = LedgerJob.objects.filter(id=content.job_id).first()
    return payment(row.record, content.pay_ms) if row else None


def propose_decision(by: Account, *, decision: Decision, request_id: UUID, now: datetime) -> GovernedRequest:
    """Propose how a mismatch ends, and approve that for one's own organisation.

    :raises AdministratorsOnly: when `by` is none.
    :raises OwnMoney: when they pay for the job or are paid for it.
    :raises RecordMissing: when no such job waits.
    :raises DecisionWaits: when another one is open.
    :raises Invalid: when it is paid for longer than the provider claims, or there is no reason.
    """
    require_administrator(by)
    content = replace(decision, note=checked_note(decision.note, field="reason"))
    if not GovernedRequest.objects.filter(id=request_id).exists():
        _check(content.job_id, content.pay_ms)
    return propose(by, content, request_id=request_id, now=now)


def _check(job_id: str, pay_ms: int) -> None:
    row = open_mismatches().filter(id=job_id).first()
    if row is None:
        raise RecordMissing
    if not 0 <= pay_ms <= (row.claimed_ms or 0):
        raise Invalid.field("pay_ms", f"Pay 0 to {row.claimed_ms or 0} ms: the provider claims no more.")
    if _open_decisions(job_id).exists():
        raise DecisionWaits


def _open_decisions(job_id: str) -> QuerySet[GovernedRequest]:
    return GovernedRequest.objects.filter(kind=RequestKind.DECISION, job_id=job_id, ended_at__isnull=True)


def _receipt_jws(job_id: str) -> str:
    kinds = (SubmitReceipt.kind, ClaimJob.kind)
    rows = OutboxOperation.objects.filter(subject=job_id, kind__in=kinds, state=OutboxState.COMMITTED)
    for row in rows.order_by("id"):
        return str(parse_object(text_of(row.body))["arguments"]["receipt"])
    return ""
