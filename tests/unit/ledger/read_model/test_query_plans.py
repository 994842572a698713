"""What is asked often is found by an index.

SQLite uses partial ones only where a query repeats their condition without a parameter.
"""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from portal.books.models import LedgerEvent, LedgerJob, WorldState
from portal.governance.models import GovernedRequest
from portal.invocations.models import Invocation, Job
from portal.outbox.models import OutboxOperation
from scheduler.states import OPEN_JOB_STATES
from tests.support.environment import on_postgresql

NOW = datetime(2026, 11, 21, tzinfo=UTC)
OPEN = OutboxOperation.objects.filter(answered_at__isnull=True)
ASKED: dict[str, Any] = {
    "outbox_open": OPEN.filter(state__in=("pending", "submitted")).order_by("id"),
    "outbox_of_author": OPEN.filter(author="alice-pc"),
    "outbox_postponed": OPEN.filter(state="pending", due_at__gt=NOW, reason="", id__lt=7),
    "outbox_transaction": OutboxOperation.objects.filter(answered_at__isnull=False, transaction_id="a"),
    "ledger_job_due": LedgerJob.objects.filter(due_at__lte=NOW, state="claimed").order_by("due_at"),
    "event_recipient": LedgerEvent.objects.filter(recipient="bob"),
    "request_open": GovernedRequest.objects.filter(ended_at__isnull=True, state="approved"),
    "invocation_pending": Invocation.objects.filter(ended_at__isnull=True, state="pending").order_by("requested_at"),
    "job_open": Job.objects.filter(finished_at__isnull=True, state__in=OPEN_JOB_STATES).order_by("placed_at"),
}
pytestmark = pytest.mark.django_db


@pytest.mark.skipif(on_postgresql(), reason="PostgreSQL plans by how many rows there are, and here are none")
@pytest.mark.parametrize("index", ASKED)
def test_what_is_asked_often_is_found_by_its_index(index: str) -> None:
    assert index in ASKED[index].explain()


@pytest.mark.skipif(not on_postgresql(), reason="SQLite compares texts byte by byte in any case")
@pytest.mark.parametrize(
    "asked",
    [
        WorldState.objects.filter(key="job~a"),
        WorldState.objects.filter(key__gte="job~", key__lt="job~~").order_by("key"),
        WorldState.objects.filter(key__startswith="job~"),
        OutboxOperation.objects.filter(operation_id__startswith="job.create:a"),
    ],
)
def test_one_index_of_an_identifier_serves_equality_order_and_beginnings(asked: QuerySet[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename LIKE 'ledger%' AND indexname LIKE '%\\_like'")
        for_patterns = cursor.fetchall()

    plan = asked.explain()

    assert "Index Cond" in plan
    assert "Sort" not in plan
    assert for_patterns == []
