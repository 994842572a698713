"""Reads of the outbox, for pages and the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from portal.outbox.models import OutboxOperation, OutboxState

#: The longest page.
MOST_AT_ONCE = 200


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
    answered_at: datetime | None


def operation(operation_id: str) -> OperationView | None:
    """Return where an operation stands; None when the outbox has no such operation."""
    row = OutboxOperation.objects.filter(operation_id=operation_id).first()
    return None if row is None else operation_view(row)


def waiting_operations(subject: object) -> Sequence[OperationView]:
    """Return the operations about an account, a job, a version or a provider that no block shows yet."""
    waiting = OutboxOperation.objects.filter(
        subject=str(subject), state__in=(OutboxState.PENDING, OutboxState.SUBMITTED)
    )
    return [operation_view(row) for row in waiting.order_by("id")[:MOST_AT_ONCE]]


def outbox_counts() -> Mapping[str, int]:
    """Return how many operations wait, are on their way, and were set aside: for administrators."""
    watched = (OutboxState.PENDING, OutboxState.SUBMITTED, OutboxState.SET_ASIDE)
    counted = (
        OutboxOperation.objects.filter(answered_at__isnull=True, state__in=watched)
        .values_list("state")
        .annotate(Count("id"))
    )
    return {state.value: 0 for state in watched} | dict(counted)


def set_aside(limit: int) -> Sequence[OperationView]:
    """Return the oldest operations that were set aside, each with its reason: for administrators."""
    rows = OutboxOperation.objects.filter(answered_at__isnull=True, state=OutboxState.SET_ASIDE).order_by("id")
    return [operation_view(row) for row in rows[:limit]]


def operation_view(row: OutboxOperation) -> OperationView:
    """Return a row as others see it."""
    return OperationView(
        operation_id=row.operation_id,
        kind=row.kind,
        subject=row.subject,
        state=row.state,
        reason=row.reason,
        transaction_id=row.transaction_id,
        created_at=row.created_at,
        answered_at=row.answered_at,
    )
