"""What is done by the clock: claims are paid, jobs without a receipt released, credits folded."""

from collections.abc import Callable

import pytest

from ledger.testing import InMemoryLedger
from portal.books import queries
from portal.ledgerd import chores as module
from portal.ledgerd.chores import INTERVAL_SECONDS, Chores
from portal.outbox import leadership
from portal.outbox.errors import Superseded
from portal.outbox.models import OutboxOperation, OutboxState
from tests.support.outbox.market import CREDIT, ManualClock, Market
from wire.ledger import state_keys

Work = Callable[[], None]
pytestmark = pytest.mark.django_db


class Monotonic:
    """Seconds, as the test wants them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def chores(ledger: InMemoryLedger, term: int, clock: ManualClock, monotonic: Monotonic) -> Chores:
    return Chores(ledger=ledger, term=term, clock=clock, monotonic=monotonic)


def state_of(job_id: str) -> str:
    found = queries.job(job_id)
    assert found is not None
    return found.state


def test_a_job_without_a_receipt_is_released_after_its_time(
    market: Market, chores: Chores, work: Work, clock: ManualClock, monotonic: Monotonic
) -> None:
    market.opens()
    job_id, other = market.creates(), market.creates()
    market.receipts(other)
    work()
    assert not chores.step()
    clock.forward(hours=1, minutes=1)
    monotonic.now += INTERVAL_SECONDS
    assert not chores.step(), "within the margin for other clocks"

    clock.forward(minutes=2)
    monotonic.now += INTERVAL_SECONDS
    assert chores.step()
    work()

    assert (state_of(job_id), state_of(other)) == ("expired", "receipted")
    assert queries.balance(market.developer_id).held_micro == 20 * CREDIT


def test_what_the_ledger_refused_does_not_stand_in_the_way_of_the_rest(
    market: Market, chores: Chores, work: Work, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONCE", 1)
    market.opens()
    first, second = market.creates(), market.creates()
    work()
    clock.forward(hours=2)
    name, refused = f"job.expire:{first}", {"state": OutboxState.REFUSED, "answered_at": clock()}
    OutboxOperation.objects.create(operation_id=name, kind="job.expire", subject=first, created_at=clock(), **refused)

    assert chores.step()

    assert OutboxOperation.objects.filter(operation_id=f"job.expire:{second}").exists()


def test_nothing_is_looked_for_more_than_once_a_minute(
    market: Market, chores: Chores, work: Work, clock: ManualClock, monotonic: Monotonic
) -> None:
    assert not chores.step()
    market.opens()
    market.creates()
    work()
    clock.forward(hours=2)

    monotonic.now += INTERVAL_SECONDS / 2
    assert not chores.step()
    monotonic.now += INTERVAL_SECONDS / 2
    assert chores.step()


def test_credits_are_folded_once_they_are_many(
    market: Market, chores: Chores, work: Work, ledger: InMemoryLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FOLD_FROM", 3)
    monkeypatch.setattr(module, "FOLDED_AT_ONCE", 2)
    market.opens()
    for _ in range(5):
        market.runs()
        work()
    before = queries.balance(market.owner_id)
    assert len(list(ledger.items(state_keys.delta_prefix(str(market.owner_id))))) == 5

    assert chores.step()
    assert OutboxOperation.objects.filter(kind="account.fold", subject=str(market.owner_id)).count() == 3
    work()

    assert list(ledger.items("delta~")) == []
    assert queries.balance(market.owner_id) == before


def test_few_credits_wait(market: Market, chores: Chores, work: Work) -> None:
    market.opens()
    for _ in range(5):
        market.runs()
        work()

    assert not chores.step()


def test_a_process_that_was_replaced_asks_for_nothing(
    market: Market, chores: Chores, work: Work, clock: ManualClock
) -> None:
    market.opens()
    market.creates()
    work()
    clock.forward(hours=2)
    count = OutboxOperation.objects.count()
    leadership.take_over(leadership.RECORDER, now=clock())

    with pytest.raises(Superseded):
        chores.step()

    assert OutboxOperation.objects.count() == count
