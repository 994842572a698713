"""Writes that the scheduler does not decide on: payments, and what is deleted in time."""

from collections.abc import Sequence
from datetime import datetime

from chaincode.blocks import Event
from portal.invocations.models import Job, Result

#: So many results are deleted at a time: no transaction is held up.
_AT_ONCE = 500


def record_payments(events: Sequence[Event], at: datetime) -> None:
    """Note on the jobs' rows what the ledger paid for them, in the follower's database transaction."""
    for event in events:
        if event.name == "job.settled.v1":
            Job.objects.filter(id=event.subject).update(paid_at=at, cost_micro=event.body["cost_micro"])
        elif event.name == "job.failed.v1":
            Job.objects.filter(id=event.subject).update(cost_micro=0)


def delete_expired_results(now: datetime) -> int:
    """Delete some results that have expired, and return how many."""
    expired = Result.objects.filter(expires_at__lte=now).order_by("expires_at")
    ids = list(expired.values_list("invocation_id", flat=True)[:_AT_ONCE])
    if ids:
        Result.objects.filter(invocation_id__in=ids).delete()
    return len(ids)
