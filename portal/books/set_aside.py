"""What an administrator decides of operations that were set aside."""

from datetime import datetime

from django.db import transaction

from portal.books.read_model.reservations import release
from portal.outbox.models import OutboxOperation, OutboxState
from wire.ledger.operations import CreateJob
from wire.ledger.refusals import Refusal

DROPPED = "dropped: given up by the administrator"


def retry_set_aside(operation_id: str) -> int:
    """Send an operation that was set aside to the ledger again, and those that waited for it in vain.

    Return how many that are; 0 when none of this id is set aside. What a job has reserved stays reserved meanwhile.
    """
    again = {"state": OutboxState.PENDING, "transaction_id": "", "reason": "", "due_at": None, "answered_at": None}
    with transaction.atomic():
        rows = OutboxOperation.objects.filter(operation_id=operation_id, state=OutboxState.SET_ASIDE)
        found = rows.values_list("id", "kind", "subject").first()
        if found is None or not rows.update(**again):
            return 0
        if found[1] != CreateJob.kind:
            return 1
        later = OutboxOperation.objects.filter(subject=found[2], id__gt=found[0], state=OutboxState.REFUSED)
        return 1 + later.filter(reason__startswith=Refusal.UNKNOWN_JOB).update(**again)


def drop_set_aside(operation_id: str, *, now: datetime) -> bool:
    """Give an operation that was set aside up for good, and what its job has reserved back.

    Return False when none of this id is set aside.
    """
    with transaction.atomic():
        rows = OutboxOperation.objects.filter(operation_id=operation_id, state=OutboxState.SET_ASIDE)
        found = rows.values_list("kind", "subject").first()
        if found is None or not rows.update(state=OutboxState.REFUSED, reason=DROPPED, answered_at=now):
            return False
        if found[0] == CreateJob.kind:
            release([found[1]])
    return True
