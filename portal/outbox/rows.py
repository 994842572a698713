"""The outbox's rows as the recorder reads and moves them.

Each move names the state that it leaves, and raises `Superseded` when another recorder has taken over.
"""

import logging
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from ledger.errors import LedgerError
from portal.outbox import leadership
from portal.outbox.contention import PendingOperation
from portal.outbox.errors import Superseded
from portal.outbox.models import OutboxOperation, OutboxState

log = logging.getLogger(__name__)


def due(
    *, now: datetime, limit: int, most_put_off: int
) -> tuple[Sequence[PendingOperation], Sequence[PendingOperation]]:
    """Return the oldest operations that may go out now, and older ones than the last of them that were put off."""
    told = _open(OutboxState.PENDING).order_by("id").values_list(*PendingOperation._fields)
    found = [PendingOperation(*row) for row in told.filter(Q(due_at__isnull=True) | Q(due_at__lte=now))[:limit]]
    if not found:
        return found, ()
    # What the ledger told to wait has a reason: it waits for an operation that may be among these.
    older = told.filter(due_at__gt=now, reason="", id__lt=found[-1].id)
    # Few, as a rule, and found at once by their own index; in order it would be all that are open.
    put_off = list(older.order_by()[: most_put_off + 1])
    if len(put_off) > most_put_off:
        put_off = list(older[:most_put_off])
    return found, [PendingOperation(*row) for row in put_off]


def on_their_way() -> Collection[str]:
    """Return the ids of the transactions whose operations were claimed and are not answered."""
    return list(_open(OutboxState.SUBMITTED).values_list("transaction_id", flat=True).distinct())


def hold(*, term: int) -> None:
    """Make sure that the recorder of this term is still in charge."""
    with leadership.held(leadership.RECORDER, term):
        pass


def claim(rows: Sequence[PendingOperation], *, term: int) -> str:
    """Note in rows that wait the transaction that they will go out in; return its id."""
    transaction_id = uuid.uuid4().hex
    with leadership.held(leadership.RECORDER, term):
        waiting = _among(rows, OutboxState.PENDING)
        if waiting.update(state=OutboxState.SUBMITTED, transaction_id=transaction_id) != len(rows):
            raise Superseded(f"operations of transaction {transaction_id} are on their way already")
    return transaction_id


def give_back(*transaction_ids: str, term: int) -> None:
    """Let operations wait again, those of all these transactions at once, so that their order stays."""
    with leadership.held(leadership.RECORDER, term):
        claimed = _open(OutboxState.SUBMITTED).filter(transaction_id__in=transaction_ids)
        count = claimed.update(state=OutboxState.PENDING, transaction_id="")
    log.warning("ledger.transaction_given_back", extra={"transaction_id": transaction_ids[0], "operations": count})


def postpone(rows: Sequence[PendingOperation], *, until: datetime, term: int) -> None:
    """Let operations wait until then."""
    with leadership.held(leadership.RECORDER, term):
        _among(rows, OutboxState.PENDING).update(due_at=until)


def set_aside(row: PendingOperation, error: LedgerError, *, term: int) -> None:
    """Leave an operation to the administrator, with an alarm."""
    with leadership.held(leadership.RECORDER, term):
        reason = f"{type(error).__name__}: {error}"[:300]
        _among([row], OutboxState.SUBMITTED).update(state=OutboxState.SET_ASIDE, reason=reason)
    log.error("ledger.operation_set_aside", extra={"operation_id": row.operation_id, "reason": str(error)})


def _open(state: OutboxState) -> QuerySet[OutboxOperation]:
    return OutboxOperation.objects.filter(answered_at__isnull=True, state=state)


def _among(rows: Sequence[PendingOperation], state: OutboxState) -> QuerySet[OutboxOperation]:
    return OutboxOperation.objects.filter(id__among=[row.id for row in rows], state=state)
