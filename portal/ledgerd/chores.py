"""What the controller does on the ledger by the clock: claims paid, jobs released, credits folded, epochs."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, islice

from django.db.models import Exists, OuterRef, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat

from chaincode.contracts.accounts import FOLDED_AT_ONCE
from ledger.ports import LedgerReader
from portal.books.models import LedgerJob
from portal.ledgerd import epochs
from portal.outbox import leadership
from portal.outbox.models import OutboxOperation
from portal.outbox.operations import Outgoing, enqueue_all
from wire.ledger import state_keys
from wire.ledger.operations import ExpireJob, Fold, PayClaim, operation_id_of
from wire.ledger.states import JobRecordState

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 60.0
#: Of one kind at one time; the rest a minute later.
MOST_AT_ONCE = 1000
#: An account with so many credits waiting gets them folded.
FOLD_FROM = 100
#: The ledger's clock may be behind ours by so much: what is asked for too early is refused for good.
MARGIN_MS = 120_000
_PAY, _EXPIRE = operation_id_of(PayClaim, ""), operation_id_of(ExpireJob, "")


class Chores:
    """Looks each minute for what is due, and puts it into the outbox."""

    def __init__(
        self,
        *,
        ledger: LedgerReader,
        term: int,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._term = term
        self._clock = clock
        self._monotonic = monotonic
        self._next = monotonic()

    def step(self) -> bool:
        """Do what is due, once a minute; return whether anything was.

        :raises Superseded: when another process has taken over.
        """
        if self._monotonic() < self._next:
            return False
        self._next = self._monotonic() + INTERVAL_SECONDS
        now = self._clock()
        due = [*self._claims(now), *self._expired(now), *islice(self._folds(now), MOST_AT_ONCE)]
        due += epochs.due(self._ledger, now, margin_ms=MARGIN_MS)
        if not due:
            return False
        with leadership.held(leadership.RECORDER, self._term):
            enqueue_all(due, now=now)
        log.info("ledger.chores", extra={"operations": len(due)})
        return True

    def _claims(self, now: datetime) -> Iterator[Outgoing]:
        """Claims that stood for their time. One that the bond could not pay is tried again on the next day."""
        for job_id in _due(now, (JobRecordState.CLAIMED,), asked=Concat(Value(_PAY), "id", Value(f":{now:%Y%m%d}"))):
            operation_id = operation_id_of(PayClaim, f"{job_id}:{now:%Y%m%d}")
            yield Outgoing(operation_id=operation_id, arguments=PayClaim(job_id=job_id), subject=job_id)

    def _expired(self, now: datetime) -> Iterator[Outgoing]:
        """Jobs without a receipt that could be paid until some time ago."""
        for job_id in _due(now, (JobRecordState.CREATED, JobRecordState.CONFIRMED), asked=Concat(Value(_EXPIRE), "id")):
            arguments = ExpireJob(job_id=job_id)
            yield Outgoing(operation_id=operation_id_of(ExpireJob, job_id), arguments=arguments, subject=job_id)

    def _folds(self, now: datetime) -> Iterator[Outgoing]:
        """As many folds as the credits of an account need that has many; named by the minute, for each is another."""
        items = self._ledger.items(state_keys.delta_prefix())
        for account_id, deltas in groupby(items, key=lambda item: state_keys.account_of(item[0])):
            waiting = sum(1 for _ in deltas)
            for number in range(waiting // FOLDED_AT_ONCE + 1 if waiting >= FOLD_FROM else 0):
                yield Outgoing(
                    operation_id=operation_id_of(Fold, f"{account_id}:{now:%Y%m%dT%H%M}:{number}"),
                    arguments=Fold(account_id=account_id),
                    subject=account_id,
                )


def _due(now: datetime, states: Sequence[JobRecordState], *, asked: Combinable) -> list[str]:
    """Return the jobs in these states that are due the longest, but for those that were asked for already.

    `asked` is the id of the operation that asks: what the ledger refused must not stand in the way of the rest.
    """
    due = LedgerJob.objects.filter(due_at__lte=now - timedelta(milliseconds=MARGIN_MS), state__in=states)
    known = OutboxOperation.objects.filter(operation_id=OuterRef("asked"))
    return list(
        due.annotate(asked=asked).filter(~Exists(known)).order_by("due_at").values_list("id", flat=True)[:MOST_AT_ONCE]
    )
