"""Writes that the scheduler does not decide on: payments, and what is deleted in time."""

from collections.abc import Sequence
from datetime import datetime

from chaincode.blocks import Event
from portal.invocations.models import Job, Result
from portal.ledger.read_model import bulk

#: So many rows are touched by one statement.
_AT_ONCE = 500
#: After these events a job is never paid.
_UNPAID = frozenset({"job.failed.v1", "job.superseded.v1", "job.expired.v1"})


def record_payments(events: Sequence[Event], at: datetime) -> None:
    """Note on the jobs' rows what the ledger paid for them, in the follower's database transaction."""
    paid = [event for event in events if event.name == "job.settled.v1"]
    paid_at = bulk.when(at)
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
