"""SQLite uses the partial indexes: it does so only where a query repeats an index's condition without a parameter."""

from datetime import UTC, datetime
from typing import Any

import pytest

from portal.invocations.models import Invocation, Job
from portal.ledger.models import GovernedRequest, LedgerEvent, LedgerJob, OutboxOperation
from scheduler.states import OPEN_JOB_STATES
from tests.support.environment import on_postgresql

NOW = datetime(2026, 11, 21, tzinfo=UTC)
OPEN = OutboxOperation.objects.filter(settled_at__isnull=True)
ASKED: dict[str, Any] = {
    "outbox_open": OPEN.filter(state__in=("pending", "submitted")).order_by("id"),
    "outbox_of_author": OPEN.filter(author="alice-pc"),
    "ledger_job_due": LedgerJob.objects.filter(due_at__lte=NOW, state="claimed").order_by("due_at"),
    "event_recipient": LedgerEvent.objects.filter(recipient="bob"),
    "request_open": GovernedRequest.objects.filter(ended_at__isnull=True, state="approved"),
    "invocation_pending": Invocation.objects.filter(ended_at__isnull=True, state="pending").order_by("requested_at"),
    "job_open": Job.objects.filter(finished_at__isnull=True, state__in=OPEN_JOB_STATES).order_by("placed_at"),
}
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(on_postgresql(), reason="PostgreSQL plans by how many rows there are, and here are none"),
]


@pytest.mark.parametrize("index", ASKED)
def test_what_is_asked_often_is_found_by_its_index(index: str) -> None:
    assert index in ASKED[index].explain()
