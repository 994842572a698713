"""Reads of the outbox, for pages and the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q, QuerySet

from portal.outbox.models import WAITING, OutboxOperation, OutboxState

#: The longest page.
MOST_AT_ONCE = 200
_MOST_LOOKED_AT = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    """How many operations wait, are on their way, and were set aside."""

    pending: int
    submitted: int
    set_aside: int
    #: When the oldest of those that are pending or submitted was put into the outbox.
    oldest_at: datetime | None


def operation(operation_id: str) -> OutboxOperation | None:
    """Return where an operation stands; None when the outbox has no such operation."""
    return OutboxOperation.objects.filter(operation_id=operation_id).first()


def waiting_operations(subject: object) -> Sequence[OutboxOperation]:
    """Return the operations about an account, a job, a version or a provider that no block shows yet."""
    waiting = OutboxOperation.objects.filter(subject=str(subject), state__in=WAITING)
    return list(waiting.order_by("id")[:MOST_AT_ONCE])


def backlog() -> Backlog:
    """Return what of the outbox has no answer: for administrators and metrics."""
    counts = {state.value: Count("id", filter=Q(state=state)) for state in (*WAITING, OutboxState.SET_ASIDE)}
    oldest_at = Min("created_at", filter=Q(state__in=WAITING))
    return Backlog(**_unanswered().aggregate(**counts, oldest_at=oldest_at))


def waits_since(now: datetime) -> datetime | None:
    """Return since when the oldest operation waits that may be sent; one that was put off waits since its time came."""
    waiting = _unanswered().filter(state__in=WAITING).order_by("id")
    for created_at, due_at in waiting.values_list("created_at", "due_at")[:_MOST_LOOKED_AT]:
        if due_at is None or due_at <= now:
            return due_at or created_at
    return None


def counts_by_state() -> Mapping[str, int]:
    """Return how many operations of each state the outbox has; it goes through all of them."""
    return dict(OutboxOperation.objects.values_list("state").annotate(Count("id")).order_by())


def set_aside(limit: int) -> Sequence[OutboxOperation]:
    """Return the oldest operations that were set aside, each with its reason: for administrators."""
    return list(_unanswered().filter(state=OutboxState.SET_ASIDE).order_by("id")[:limit])


def _unanswered() -> QuerySet[OutboxOperation]:
    return OutboxOperation.objects.filter(answered_at__isnull=True)
