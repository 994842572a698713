"""Reads of the outbox, for pages and the API."""

from collections.abc import Mapping, Sequence

from django.db.models import Count

from portal.outbox.models import OutboxOperation, OutboxState

#: The longest page.
MOST_AT_ONCE = 200


def operation(operation_id: str) -> OutboxOperation | None:
    """Return where an operation stands; None when the outbox has no such operation."""
    return OutboxOperation.objects.filter(operation_id=operation_id).first()


def waiting_operations(subject: object) -> Sequence[OutboxOperation]:
    """Return the operations about an account, a job, a version or a provider that no block shows yet."""
    waiting = OutboxOperation.objects.filter(
        subject=str(subject), state__in=(OutboxState.PENDING, OutboxState.SUBMITTED)
    )
    return list(waiting.order_by("id")[:MOST_AT_ONCE])


def outbox_counts() -> Mapping[str, int]:
    """Return how many operations wait, are on their way, and were set aside: for administrators."""
    watched = (OutboxState.PENDING, OutboxState.SUBMITTED, OutboxState.SET_ASIDE)
    counted = (
        OutboxOperation.objects.filter(settled_at__isnull=True, state__in=watched)
        .values_list("state")
        .annotate(Count("id"))
    )
    return {state.value: 0 for state in watched} | dict(counted)


def set_aside(limit: int) -> Sequence[OutboxOperation]:
    """Return the oldest operations that were set aside, each with its reason: for administrators."""
    rows = OutboxOperation.objects.filter(settled_at__isnull=True, state=OutboxState.SET_ASIDE).order_by("id")
    return list(rows[:limit])
