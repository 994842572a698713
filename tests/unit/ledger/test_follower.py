"""The follower and the read model: replays, fencing, listeners, reservations."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from ledger.errors import LedgerDamaged
from ledger.testing import InMemoryLedger
from portal.books.follower import Follower
from portal.books.models import Balance, LedgerBlock, LedgerEvent, LedgerJob, Reservation
from portal.outbox import leadership
from portal.outbox.errors import Superseded
from portal.outbox.models import OutboxOperation, OutboxState
from portal.outbox.recorder import Recorder
from tests.support.outbox.market import CREDIT, ManualClock, Market
from wire.ledger.blocks import Block, OperationStatus

pytestmark = pytest.mark.django_db


class Altered(InMemoryLedger):
    """A ledger that shows its blocks through a lens."""

    lens: Callable[[Block], Block] = staticmethod(lambda block: block)

    def blocks(self, first: int, limit: int) -> Sequence[Block]:
        return [self.lens(block) for block in super().blocks(first, limit)]


def test_a_jobs_life_is_in_the_history(work: Callable[[], None], market: Market) -> None:
    market.opens()
    job_id = market.runs()[0]

    work()

    events = LedgerEvent.objects.filter(subject=job_id).order_by("id")
    assert [event.name for event in events] == ["job.created.v1", "job.receipted.v1", "job.settled.v1"]
    assert events[2].body["cost_micro"] == 12 * CREDIT
    record = LedgerJob.objects.get(id=job_id).record
    said = {name: value for event in events for name, value in event.body.items()}
    assert {name: value for name, value in record.items() if value not in (None, "")} == said
    assert LedgerBlock.objects.count() == 2


def test_of_two_followers_the_older_one_changes_nothing(
    follower: Follower, recorder: Recorder, market: Market, clock: ManualClock
) -> None:
    market.opens()
    recorder.step()
    leadership.take_over(leadership.RECORDER, now=clock())

    with pytest.raises(Superseded):
        follower.step()
    assert not LedgerBlock.objects.exists()


@pytest.mark.parametrize(
    "lens", [lambda block: replace(block, previous_hash="f" * 64), lambda block: replace(block, number=7)]
)
def test_a_block_that_does_not_continue_the_chain_is_not_applied(
    ledger: InMemoryLedger, recorder: Recorder, follower: Follower, market: Market, lens: Callable[[Block], Block]
) -> None:
    follower.step()
    market.opens()
    recorder.step()
    ledger.__class__ = Altered
    ledger.lens = lens  # type: ignore[attr-defined]

    with pytest.raises(LedgerDamaged, match="does not continue block 0"):
        follower.step()
    assert LedgerBlock.objects.count() == 1


def test_listeners_hear_each_blocks_events_in_the_same_database_transaction(
    ledger: InMemoryLedger, recorder: Recorder, term: int, market: Market
) -> None:
    heard: list[tuple[int, list[str]]] = []

    class Broken(Exception):
        """The listener fails."""

    def listen(block: Block) -> None:
        heard.append((block.number, [event.name for event in block.events()]))

    def fail(_block: Block) -> None:
        raise Broken

    market.mints(1)
    recorder.step()
    with pytest.raises(Broken):
        Follower(ledger=ledger, term=term, listeners=[fail]).step()
    assert not LedgerBlock.objects.exists()

    Follower(ledger=ledger, term=term, listeners=[listen]).step()
    (block,) = ledger.blocks(1, 1)
    assert block.transactions[0].events
    assert heard == [(0, []), (1, [event.name for event in block.transactions[0].events])]


def test_a_reservation_ends_when_its_job_is_created_or_refused(work: Callable[[], None], market: Market) -> None:
    market.opens(deposit=30 * CREDIT)
    work()
    created, refused, waiting = market.creates(), market.creates(), "not-there-yet"
    for job_id in (created, refused, waiting):
        Reservation.objects.create(job_id=job_id, account_id=str(market.developer_id), amount_micro=10)
    Balance.objects.filter(account_id=str(market.developer_id)).update(reserved_micro=30)

    work()

    assert list(Reservation.objects.values_list("job_id", flat=True)) == [waiting]
    balance = Balance.objects.get(account_id=str(market.developer_id))
    assert (balance.reserved_micro, balance.deposit_micro, balance.held_micro) == (10, 10 * CREDIT, 20 * CREDIT)
    assert OutboxOperation.objects.get(operation_id=f"job.create:{refused}").state == OutboxState.REFUSED


def test_an_operation_that_raises_in_the_contract_is_set_aside_with_an_alarm(
    ledger: InMemoryLedger, recorder: Recorder, follower: Follower, market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    market.mints(1)
    recorder.step()
    ledger.__class__ = Altered
    ledger.lens = _raised  # type: ignore[attr-defined]

    follower.step()

    assert OutboxOperation.objects.get().state == OutboxState.SET_ASIDE
    assert "ledger.operation_set_aside" in [record.getMessage() for record in caplog.records]


def _raised(block: Block) -> Block:
    record = block.transactions[0]
    results = [replace(item, status=OperationStatus.REFUSED, reason="raised") for item in record.results]
    return replace(block, transactions=(replace(record, results=tuple(results)),))


def test_what_was_applied_once_stays_committed_when_a_repeat_is_refused(
    work: Callable[[], None], recorder: Recorder, follower: Follower, market: Market
) -> None:
    market.opens()
    job_id = market.creates()
    work()
    row = OutboxOperation.objects.get(operation_id=f"job.create:{job_id}")

    OutboxOperation.objects.filter(id=row.id).update(state=OutboxState.PENDING, answered_at=None)
    recorder.step()
    follower.step()

    again = OutboxOperation.objects.get(id=row.id)
    assert (again.state, again.reason) == (OutboxState.COMMITTED, "")
