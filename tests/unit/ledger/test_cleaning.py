"""What the outbox forgets in time, and what it never does."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from portal.books.models import Reservation
from portal.ledgerd import cleaning
from portal.ledgerd.cleaning import Cleaner
from portal.outbox import leadership
from portal.outbox.errors import Superseded
from portal.outbox.models import OutboxOperation, OutboxState
from tests.support.outbox.market import ManualClock, Market

Work = Callable[[], None]
pytestmark = pytest.mark.django_db
KEPT = timedelta(days=30)


@pytest.fixture
def cleaner(term: int, clock: ManualClock) -> Cleaner:
    seconds = iter(range(0, 10**9, 100))
    return Cleaner(term=term, clock=clock, kept=KEPT, monotonic=lambda: next(seconds))


@pytest.fixture
def jobs(market: Market, work: Work) -> list[str]:
    """Three jobs that were paid."""
    market.opens()
    work()
    done = market.runs(3)
    work()
    return done


def left(job_id: str) -> int:
    return OutboxOperation.objects.filter(subject=job_id).count()


def clean(cleaner: Cleaner) -> None:
    while cleaner.step():
        pass


def test_operations_of_paid_jobs_go_after_their_days_and_all_others_stay(
    cleaner: Cleaner, jobs: list[str], clock: ManualClock
) -> None:
    before = OutboxOperation.objects.count()
    clean(cleaner)
    assert OutboxOperation.objects.count() == before

    clock.forward(hours=30 * 24 + 1)
    clean(cleaner)

    assert [left(job_id) for job_id in jobs] == [0, 0, 0]
    assert OutboxOperation.objects.count() == before - 9


def test_what_was_refused_or_set_aside_stays_as_a_trace(cleaner: Cleaner, jobs: list[str], clock: ManualClock) -> None:
    for job_id, state in zip(jobs, (OutboxState.REFUSED, OutboxState.SET_ASIDE, OutboxState.PENDING), strict=True):
        OutboxOperation.objects.filter(operation_id=f"job.confirm:{job_id}").update(state=state)

    clock.forward(hours=31 * 24)
    clean(cleaner)

    assert [left(job_id) for job_id in jobs] == [1, 1, 1]


def test_what_a_participant_sent_and_the_ledger_refused_goes_after_its_days(
    cleaner: Cleaner, jobs: list[str], clock: ManualClock
) -> None:
    sent = OutboxOperation.objects.filter(operation_id=f"job.receipt:{jobs[0]}")
    sent.update(state=OutboxState.REFUSED, author="a-providers-key")
    OutboxOperation.objects.filter(operation_id=f"job.receipt:{jobs[1]}").update(
        state=OutboxState.SET_ASIDE, author="a-providers-key"
    )

    clock.forward(hours=31 * 24)
    clean(cleaner)

    assert (left(jobs[0]), left(jobs[1])) == (0, 1)


def test_nothing_goes_that_an_open_job_or_a_reservation_refers_to(
    cleaner: Cleaner, jobs: list[str], market: Market, work: Work, clock: ManualClock
) -> None:
    waiting = market.creates()
    work()
    Reservation.objects.create(job_id=jobs[0], account_id="a", amount_micro=1)

    clock.forward(hours=31 * 24)
    clean(cleaner)

    assert (left(waiting), left(jobs[0]), left(jobs[1])) == (1, 3, 0)


def test_a_long_outbox_is_gone_through_in_bounded_parts(
    cleaner: Cleaner, jobs: list[str], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "AT_ONCE", 2)
    clock.forward(hours=31 * 24)
    counts = []

    for _ in range(OutboxOperation.objects.count()):
        before = OutboxOperation.objects.count()
        cleaner.step()
        counts.append(before - OutboxOperation.objects.count())

    assert max(counts) == 2
    assert [left(job_id) for job_id in jobs] == [0, 0, 0]


@pytest.mark.usefixtures("jobs")
def test_a_process_that_was_replaced_deletes_nothing(cleaner: Cleaner, clock: ManualClock) -> None:
    clock.forward(hours=31 * 24)
    leadership.take_over(leadership.RECORDER, now=clock())
    before = OutboxOperation.objects.count()

    with pytest.raises(Superseded):
        cleaner.step()

    assert OutboxOperation.objects.count() == before
