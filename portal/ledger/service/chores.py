"""What the controller does on the ledger by the clock: claims paid, jobs released, credits folded, epochs."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import groupby, islice

from django.db import transaction
from django.db.models import QuerySet

from chaincode.contracts.accounts import FOLDED_AT_ONCE
from chaincode.contracts.clocks import CLAIM_MS
from chaincode.contracts.operations import ExpireJob, Fold, PayClaim
from chaincode.contracts.records import JobState
from portal.ledger import leadership
from portal.ledger.models import LedgerJob
from portal.ledger.operations import Outgoing, enqueue_all, operation_id_of
from portal.ledger.ports import LedgerReader
from portal.ledger.service import epochs

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 60.0
#: Of one kind at one time; the rest a minute later.
MOST_AT_ONCE = 1000
#: An account with so many credits waiting gets them folded.
FOLD_FROM = 100
#: The ledger's clock may be behind ours by so much: what is asked for too early is refused for good.
MARGIN_MS = 120_000
_DELTAS = "delta~"


class Chores:
    """Looks each minute for what is due, and puts it into the outbox."""

    def __init__(
        self,
        *,
        ledger: LedgerReader,
        epoch: int,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._epoch = epoch
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
        with transaction.atomic():
            leadership.hold(leadership.RECORDER, self._epoch)
            enqueue_all(due, now=now)
        log.info("ledger.chores", extra={"operations": len(due)})
        return True

    def _claims(self, now: datetime) -> Iterator[Outgoing]:
        """Claims that stood for their time. One that the bond could not pay is tried again on the next day."""
        stood = _ms(now) - CLAIM_MS - MARGIN_MS
        due = LedgerJob.objects.filter(state=JobState.CLAIMED, record__claimed_at_ms__lte=stood)
        for job_id in _ids(due.order_by("created_at")):
            operation_id = operation_id_of(PayClaim, f"{job_id}:{now:%Y%m%d}")
            yield Outgoing(operation_id=operation_id, arguments=PayClaim(job_id=job_id), subject=job_id)

    def _expired(self, now: datetime) -> Iterator[Outgoing]:
        """Jobs without a receipt that could be paid until some time ago."""
        over = LedgerJob.objects.filter(
            state__in=(JobState.CREATED, JobState.CONFIRMED), record__pay_until_ms__lt=_ms(now) - MARGIN_MS
        )
        for job_id in _ids(over.order_by("created_at")):
            arguments = ExpireJob(job_id=job_id)
            yield Outgoing(operation_id=operation_id_of(ExpireJob, job_id), arguments=arguments, subject=job_id)

    def _folds(self, now: datetime) -> Iterator[Outgoing]:
        """As many folds as the credits of an account need that has many; named by the minute, for each is another."""
        for account_id, deltas in groupby(self._ledger.items(_DELTAS), key=lambda item: item[0].split("~")[1]):
            waiting = sum(1 for _ in deltas)
            for number in range(waiting // FOLDED_AT_ONCE + 1 if waiting >= FOLD_FROM else 0):
                yield Outgoing(
                    operation_id=operation_id_of(Fold, f"{account_id}:{now:%Y%m%dT%H%M}:{number}"),
                    arguments=Fold(account_id=account_id),
                    subject=account_id,
                )


def _ids(jobs: QuerySet[LedgerJob]) -> list[str]:
    return list(jobs.values_list("id", flat=True)[:MOST_AT_ONCE])


def _ms(now: datetime) -> int:
    return int(now.timestamp() * 1000)
