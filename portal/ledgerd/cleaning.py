"""Deletes what the outbox kept of jobs that ended long ago: what the ledger took is on the ledger."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from portal.books.models import LedgerJob, Reservation
from portal.outbox import leadership
from portal.outbox.models import OutboxOperation, OutboxState
from wire.ledger.operations import Fold
from wire.ledger.states import HOLDING

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 60.0
#: While there is more to delete; 2,000 a second is more than comes in.
BUSY_SECONDS = 1.0
AT_ONCE = 2000
#: Less, and an operation that waits for another one could be gone before it is given up.
LEAST_DAYS = 3
#: All others are few, and requests, accounts and versions refer to them.
_MANY = Q(kind__startswith="job.") | Q(kind=Fold.kind)
#: What the ledger took is on the ledger; what participants sent and it refused is theirs to keep, and has no end.
_ENDED = (_MANY & Q(state=OutboxState.COMMITTED)) | Q(author__isnull=False, state=OutboxState.REFUSED)


class Cleaner:
    """Goes through the outbox in the order in which it grew, again and again, a bounded part at a time."""

    def __init__(
        self,
        *,
        term: int,
        clock: Callable[[], datetime],
        kept: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._term = term
        self._clock = clock
        self._kept = kept
        self._monotonic = monotonic
        self._next = monotonic()
        #: The last row that was looked at; 0 begins anew, with what was not to be deleted the last time.
        self._after = 0

    def step(self) -> bool:
        """Delete what may go of the next rows, when it is time; return whether anything was deleted.

        :raises Superseded: when another process has taken over.
        """
        if self._monotonic() < self._next:
            return False
        before = self._clock() - self._kept
        rows = OutboxOperation.objects.filter(id__gt=self._after, created_at__lt=before).order_by("id")
        seen = list(rows.values_list("id", flat=True)[:AT_ONCE])
        self._next = self._monotonic() + (BUSY_SECONDS if len(seen) == AT_ONCE else INTERVAL_SECONDS)
        self._after = seen[-1] if len(seen) == AT_ONCE else 0
        return bool(self._delete(seen, before))

    def _delete(self, ids: Sequence[int], before: datetime) -> int:
        """Delete of these rows what has ended and nothing refers to; what it refused of our own stays, as a trace."""
        ended = OutboxOperation.objects.filter(_ENDED, id__in=ids, answered_at__lt=before)
        subjects = dict(ended.values_list("id", "subject"))
        referring = self._referred_to(set(subjects.values()))
        gone = [id_ for id_, subject in subjects.items() if subject not in referring]
        if not gone:
            return 0
        with leadership.held(leadership.RECORDER, self._term):
            count, _ = OutboxOperation.objects.filter(_ENDED, id__in=gone).delete()
        log.info("ledger.outbox_cleaned", extra={"operations": count})
        return count

    @staticmethod
    def _referred_to(subjects: set[str]) -> set[str]:
        """Return the jobs that have not ended, here or on the ledger."""
        reserved = Reservation.objects.filter(job_id__in=subjects).values_list("job_id", flat=True)
        open_jobs = LedgerJob.objects.filter(id__in=subjects, state__in=HOLDING).values_list("id", flat=True)
        return {*reserved, *open_jobs}
