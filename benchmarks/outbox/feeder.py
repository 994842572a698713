"""A market whose jobs go into the outbox, and how long the ledger takes for them.

Jobs are made beforehand: signing receipts is the providers' work, on their own machines.
"""

import secrets
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Sum

from benchmarks.summary import summary
from ledger.ports import Ledger
from portal.books.models import LedgerTransaction
from portal.books.read_model import bulk
from portal.keys import KeyName, signing_key
from portal.ledgerd.backends import open_writer
from portal.outbox.models import OutboxOperation, OutboxState
from tests.support.outbox.driver import SystemClock
from tests.support.outbox.market import CREDIT, Market
from wire import signing
from wire.codec import encode
from wire.ledger import state_keys
from wire.ledger.blocks import OperationStatus, TransactionBody
from wire.ledger.operations import Arguments, operation_id_of, operation_text

#: Of a whole job.
OPERATIONS = 3
#: The developer's deposit, in credits: enough for some million jobs.
_DEPOSIT = 100_000_000
_COLUMNS = ("operation_id", "kind", "subject", "body", "state", "transaction_id", "reason", "created_at")
_PAUSE_SECONDS = 0.05
_POLL_SECONDS = 0.002
_LOST_SECONDS = 300.0
_TOLD_SECONDS = 5.0
_TOLD_JOBS = 10_000


@dataclass(kw_only=True)
class MadeBeforehand(Market):
    """A market whose jobs' operations wait here until they are put into the outbox."""

    #: Operation id, kind, subject and text.
    rows: deque[tuple[str, str, str, str]] = field(default_factory=deque)

    def enqueue(self, arguments: Arguments, subject: object, author: KeyName | None = None) -> None:
        """Keep an operation of a job; what opens the market goes into the outbox at once."""
        if not arguments.kind.startswith("job."):
            super().enqueue(arguments, subject, author)
            return
        operation_id = operation_id_of(type(arguments), subject)
        self.rows.append((operation_id, arguments.kind, str(subject), operation_text(operation_id, arguments)))

    def put(self, count: int) -> int:
        """Put the next operations into the outbox; return how many."""
        now = bulk.when(datetime.now(UTC))
        taken = [self.rows.popleft() for _ in range(min(count, len(self.rows)))]
        with transaction.atomic():
            bulk.insert(OutboxOperation, _COLUMNS, ((*row, OutboxState.PENDING.value, "", "", now) for row in taken))
        return len(taken)


class Feeder:
    """What is measured on a market; each method is a command, with an answer of JSON's own types."""

    def __init__(self) -> None:
        self._market = MadeBeforehand(clock=SystemClock(), keys={name: signing_key(name) for name in KeyName})

    def open(self) -> int:
        """Open the market."""
        with transaction.atomic():
            self._market.opens(deposit=_DEPOSIT * CREDIT)
        self._until_settled()
        return settled_operations()

    def alone(self, jobs: int) -> dict[str, object]:
        """Submit jobs with a transaction an operation, one after the other: the baseline."""
        self._market.runs(jobs)
        with open_writer() as ledger:
            asked = [_timed(lambda: ledger.get(state_keys.fee_policy())) for _ in range(jobs)]
            took = [_timed(lambda: self._submit_next(ledger)) for _ in range(jobs * OPERATIONS)]
        return {
            "jobs_a_second": round(1000 * jobs / sum(took), 1),
            "milliseconds": asdict(summary(took)),
            "evaluate": asdict(summary(asked)),
        }

    def prepare(self, jobs: int) -> int:
        """Make jobs to be put into the outbox later, and return how many there are."""
        for done in range(0, jobs, _TOLD_JOBS):
            self._market.runs(min(_TOLD_JOBS, jobs - done))
            _say(f"{min(done + _TOLD_JOBS, jobs)} of {jobs} jobs are signed")
        return len(self._market.rows) // OPERATIONS

    def sustain(self, seconds: int, waiting: int) -> dict[str, object]:
        """Keep so many operations waiting in the outbox for so long, and return what reached the read model."""
        first, begun = settled_operations(), time.monotonic()
        samples: list[int] = []
        ahead = 0
        while self._market.rows and (now := time.monotonic()) - begun < seconds:
            # What is settled is few rows to add up, what waits many to count.
            settled = settled_operations() - first
            if len(samples) * _TOLD_SECONDS <= now - begun:
                samples.append(waiting_operations())
                settled = settled_operations() - first
                ahead = settled + samples[-1]
                _say(f"{now - begun:.0f} s: {settled // OPERATIONS} jobs are paid, {samples[-1]} operations wait")
            ahead += self._market.put(waiting - ahead + settled)
            time.sleep(_PAUSE_SECONDS)
        jobs, took = (settled_operations() - first) // OPERATIONS, time.monotonic() - begun
        return {"jobs": jobs, "seconds": round(took, 1), "waiting": samples}

    def finish(self) -> int:
        """Let everything that was put into the outbox reach the read model; forget the rest."""
        self._market.rows.clear()
        self._until_settled()
        return settled_operations()

    def light(self, jobs: int) -> dict[str, object]:
        """Return how long it takes from a run's end, receipt and confirmation in the outbox, to its payment."""
        samples = []
        for _ in range(jobs):
            job_id = self._market.runs()[0]
            self._market.put(1)
            self._wait_for(f"job.create:{job_id}")
            begun = time.monotonic()
            self._market.put(OPERATIONS - 1)
            self._wait_for(f"job.confirm:{job_id}")
            samples.append(1000 * (time.monotonic() - begun))
        return asdict(summary(samples))

    def _submit_next(self, ledger: Ledger) -> None:
        text = self._market.rows.popleft()[3]
        body = TransactionBody(
            transaction_id=secrets.token_hex(16), timestamp_ms=self._market.clock.ms(), operations=(text,)
        )
        envelope = self._market.keys[KeyName.RECORDER].sign(encode(body), signing.TRANSACTION)
        (result,) = ledger.submit(envelope).results
        if result.status is not OperationStatus.APPLIED:
            sys.exit(f"benchmark: {result.operation_id} was {result.status}: {result.reason} {result.detail}")

    def _wait_for(self, operation_id: str) -> None:
        def committed() -> bool:
            return OutboxOperation.objects.filter(operation_id=operation_id, state=OutboxState.COMMITTED).exists()

        _wait(operation_id, committed, _POLL_SECONDS)

    def _until_settled(self) -> None:
        _wait("the outbox", lambda: not waiting_operations(), _PAUSE_SECONDS)
        refused = OutboxOperation.objects.exclude(state=OutboxState.COMMITTED).first()
        if refused:
            sys.exit(f"benchmark: {refused}: {refused.reason}")


def waiting_operations() -> int:
    """Return how many operations of the outbox the read model does not show yet."""
    return OutboxOperation.objects.filter(answered_at__isnull=True).count()


def settled_operations() -> int:
    """Return how many operations are in the read model."""
    return int(LedgerTransaction.objects.aggregate(total=Sum("operation_count", default=0))["total"])


def _wait(what: str, ready: Callable[[], bool], pause_seconds: float) -> None:
    end = time.monotonic() + _LOST_SECONDS
    while not ready():
        if time.monotonic() > end:
            sys.exit(f"benchmark: {what} did not reach the read model within {_LOST_SECONDS:g} s")
        time.sleep(pause_seconds)


def _timed(run: Callable[[], object]) -> float:
    begun = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - begun)


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")
