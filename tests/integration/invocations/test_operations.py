"""What the ledger paid is noted on the jobs."""

import pytest
from django.utils import timezone

from portal.invocations.models import Job
from portal.invocations.operations import record_payments
from tests.integration.invocations.test_store_in_database import InsideDatabase
from tests.support.outbox.blocks import block_of
from tests.support.scheduling.store_contract import Bench
from wire.ledger.blocks import Event

pytestmark = pytest.mark.django_db


def event(name: str, job_id: str, cost: int | None = None) -> Event:
    return Event(name=name, subject=job_id, body={"job_id": job_id, "cost_micro": cost})


def test_what_was_settled_is_paid_and_what_failed_cost_nothing() -> None:
    bench, at = Bench(InsideDatabase()), timezone.now().replace(microsecond=0)
    paid, failed, superseded = (bench.placed().job_id for _ in range(3))

    events = [
        event("job.created.v1", paid),
        event("job.settled.v1", paid, 40),
        event("job.failed.v1", failed),
        event("job.superseded.v1", superseded),
        event("job.settled.v1", "another controller's", 7),
    ]
    record_payments(block_of(events, timestamp_ms=int(at.timestamp() * 1000)))

    found = {job.id: (job.paid_at, job.cost_micro) for job in Job.objects.all()}
    assert found == {paid: (at, 40), failed: (None, 0), superseded: (None, 0)}


def test_no_events_change_nothing() -> None:
    bench = Bench(InsideDatabase())
    bench.placed()
    before = list(Job.objects.values())

    record_payments(block_of([]))

    assert before
    assert list(Job.objects.values()) == before
