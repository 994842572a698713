"""Writes that the scheduler does not decide on: payments, and what is deleted in time."""

from datetime import datetime

from portal.books.read_model import bulk
from portal.invocations.models import Job, Result
from wire.ledger.blocks import Block
from wire.ledger.events import job_is
from wire.ledger.states import JobRecordState

#: So many rows are touched by one statement.
_AT_ONCE = 500
#: After these events a job is never paid.
_UNPAID = frozenset(map(job_is, (JobRecordState.FAILED, JobRecordState.SUPERSEDED, JobRecordState.EXPIRED)))
_PAID = job_is(JobRecordState.SETTLED)


def record_payments(block: Block) -> None:
    """Note on the jobs' rows what the ledger paid for them, in the follower's database transaction."""
    events = list(block.events())
    paid = [event for event in events if event.name == _PAID]
    paid_at = bulk.stamp(block.timestamp_ms)
    rows = ((event.subject, paid_at, event.body["cost_micro"]) for event in paid)
    bulk.update(Job, ("id", "paid_at", "cost_micro"), rows)
    unpaid = [event.subject for event in events if event.name in _UNPAID]
    for start in range(0, len(unpaid), _AT_ONCE):
        Job.objects.filter(id__in=unpaid[start : start + _AT_ONCE]).update(cost_micro=0)


def delete_expired_results(now: datetime) -> int:
    """Delete some results that have expired, and return how many."""
    expired = Result.objects.filter(expires_at__lte=now).order_by("expires_at")
    ids = list(expired.values_list("invocation_id", flat=True)[:_AT_ONCE])
    if ids:
        Result.objects.filter(invocation_id__in=ids).delete()
    return len(ids)
