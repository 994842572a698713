"""Somebody else writes to an account all the time: what is on it goes out apart, and everything else goes on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from ledger.errors import LedgerUnavailable, ReadConflict
from ledger.testing import InMemoryLedger
from portal.keys import KeyName
from portal.outbox.contention import MOST_CONTENDED
from portal.outbox.models import OutboxOperation, OutboxState
from portal.outbox.operations import text_of
from portal.outbox.recorder import Recorder
from tests.support.outbox.market import CREDIT, ManualClock, Market, signing_keys
from wire import signing
from wire.codec import decode
from wire.ledger.blocks import TransactionBody, TransactionRecord
from wire.ledger.operations import Deposit, Transfer

Work = Callable[[], None]
pytestmark = pytest.mark.django_db


@dataclass
class Contended:
    """A ledger on which another transaction is always faster with operations that hold one of these words."""

    ledger: InMemoryLedger
    words: set[str] = field(default_factory=set)
    submitted: int = 0

    def submit(self, envelope: str) -> TransactionRecord:
        self.submitted += 1
        operations = decode(TransactionBody, signing.payload_of(envelope)).operations
        if any(word in text_of(operation) for operation in operations for word in self.words):
            raise ReadConflict
        return self.ledger.submit(envelope)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)


@pytest.fixture
def contended(ledger: InMemoryLedger) -> Contended:
    return Contended(ledger)


@pytest.fixture
def recorder(contended: Contended, term: int, clock: ManualClock) -> Recorder:
    return Recorder(ledger=contended, key=signing_keys()[KeyName.RECORDER], term=term, clock=clock)


@pytest.fixture
def hers(market: Market, work: Work) -> Market:
    """A second developer who also provides; both markets are open."""
    other = Market(clock=market.clock)
    market.opens()
    other.opens()
    work()
    return other


def committed(job_ids: list[str]) -> bool:
    rows = OutboxOperation.objects.filter(subject__in=job_ids)
    return set(rows.values_list("state", flat=True)) == {OutboxState.COMMITTED}


def test_operations_on_a_contended_account_hold_up_nobody_else(
    work: Work, contended: Contended, clock: ManualClock, market: Market, hers: Market
) -> None:
    before = market.runs(20)
    contended_jobs = hers.runs(10)
    after = market.runs(20)
    contended.words = {str(hers.developer_id), *contended_jobs}
    contended.submitted = 0

    work()

    assert committed(before)
    assert committed(after)
    assert not committed(contended_jobs)
    # Each of the thirty on her account alone, once; the halving that finds it takes some more.
    assert contended.submitted < 70

    contended.words = set()
    for _ in range(20):
        clock.forward(seconds=30)
        work()
    assert committed(contended_jobs)


def test_what_is_contended_is_tried_less_often_the_longer_it_lasts(
    work: Work, contended: Contended, clock: ManualClock, hers: Market
) -> None:
    contended.words = {str(hers.developer_id), *hers.runs()}
    tries = []
    for _ in range(2):
        contended.submitted = 0
        for _ in range(120):
            clock.forward(seconds=0.25)
            work()
        tries.append(contended.submitted)
        clock.forward(minutes=10)

    assert tries[0] > 2 * tries[1] > 0


def test_when_every_transaction_meets_a_conflict_the_ledger_is_not_well(
    recorder: Recorder, contended: Contended, clock: ManualClock, work: Work
) -> None:
    contended.words = {"operation_id"}
    for _ in range(MOST_CONTENDED + 1):
        Market(clock=clock).mints(1)

    with pytest.raises(LedgerUnavailable, match="every transaction meets a conflict"):
        work()

    contended.words = set()
    clock.forward(minutes=1)
    assert recorder.step()


def test_what_waits_keeps_its_place_before_later_operations_of_its_account(
    work: Work, clock: ManualClock, market: Market, hers: Market
) -> None:
    reference = hers.mints(CREDIT)
    hers.approves(reference)
    # It was put off once; what comes later is due before it.
    rows = OutboxOperation.objects.filter(operation_id__contains=reference)
    rows.update(due_at=clock() + timedelta(seconds=20))
    amount = Deposit(account_id=str(hers.developer_id), amount_micro=CREDIT)
    hers.enqueue(amount, "later", KeyName.CUSTODY)
    jobs = market.runs(3)

    work()

    states = dict(OutboxOperation.objects.values_list("operation_id", "state"))
    assert states["account.deposit:later"] == OutboxState.PENDING
    assert committed(jobs)
    for _ in range(40):
        clock.forward(seconds=5)
        work()
    assert OutboxOperation.objects.get(operation_id="account.deposit:later").state == OutboxState.COMMITTED


def test_who_pays_somebody_else_puts_off_nothing_of_theirs(
    work: Work, clock: ManualClock, market: Market, hers: Market
) -> None:
    gift = Transfer(account_id=str(hers.developer_id), to_account_id=str(market.developer_id), amount_micro=1)
    hers.enqueue(gift, "gift", KeyName.CUSTODY)
    OutboxOperation.objects.filter(operation_id="account.transfer:gift").update(due_at=clock() + timedelta(hours=1))
    jobs = market.runs(3)

    work()

    assert committed(jobs)


def test_an_operation_that_the_ledger_told_to_wait_puts_off_nothing(
    work: Work, clock: ManualClock, market: Market
) -> None:
    """Else a new attempt would wait for the end of the one before, and that one for it."""
    market.opens()
    work()
    waiting, *_ = market.runs(1)
    OutboxOperation.objects.filter(operation_id=f"job.create:{waiting}").update(
        due_at=clock() + timedelta(hours=1), reason="earlier_attempt_open: Another attempt is still open."
    )
    jobs = market.runs(3)

    work()

    assert committed(jobs)
