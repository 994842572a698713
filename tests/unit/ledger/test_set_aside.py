"""What becomes of a job whose creation raised in the contract: its money, what waited for it, and the way out."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.testing import InMemoryLedger
from portal.books import queries
from portal.books.models import Balance, Reservation
from portal.books.read_model.outcomes import MOST_PATIENCE, settle
from portal.books.read_model.reservations import lock_balances
from portal.books.set_aside import retry_set_aside
from portal.ledgerd.metrics import LedgerMetrics
from portal.outbox.models import OutboxOperation, OutboxState
from portal.outbox.recorder import Recorder
from tests.support.environment import on_postgresql
from tests.support.outbox.market import CREDIT, ManualClock, Market
from wire.ledger.blocks import Block, OperationStatus
from wire.ledger.operations import ExpireJob
from wire.ledger.refusals import Refusal

Work = Callable[[], None]
pytestmark = pytest.mark.django_db


class Raising:
    """A ledger whose contract raises on the creation of jobs, as far as the follower can see."""

    def __init__(self, ledger: InMemoryLedger) -> None:
        self._ledger = ledger

    def blocks(self, first: int, limit: int) -> Sequence[Block]:
        return [_raised(block) for block in self._ledger.blocks(first, limit)]


def _raised(block: Block) -> Block:
    return replace(
        block,
        transactions=tuple(
            replace(
                record,
                writes={},
                events=(),
                results=tuple(
                    replace(item, status=OperationStatus.REFUSED, reason=Refusal.RAISED)
                    if item.kind == "job.create"
                    else item
                    for item in record.results
                ),
            )
            for record in block.transactions
        ),
    )


@pytest.fixture
def set_aside(work: Work, market: Market, ledger: InMemoryLedger, recorder: Recorder) -> str:
    """A job that has reserved 10 credits and whose creation was set aside."""
    market.opens()
    work()
    job_id = market.creates()
    Reservation.objects.create(job_id=job_id, account_id=str(market.developer_id), amount_micro=10 * CREDIT)
    Balance.objects.filter(account_id=str(market.developer_id)).update(reserved_micro=10 * CREDIT)
    height = ledger.height
    recorder.step()
    settle(Raising(ledger).blocks(height, 1))
    assert state_of(f"job.create:{job_id}") == OutboxState.SET_ASIDE
    return job_id


def state_of(operation_id: str) -> str:
    return OutboxOperation.objects.get(operation_id=operation_id).state


def reserved(market: Market) -> int:
    return Balance.objects.get(account_id=str(market.developer_id)).reserved_micro


def lost_reservations() -> float | None:
    metrics = LedgerMetrics()
    metrics.measure_reservations()
    return metrics.registry.get_sample_value("chainfaas_ledger_reservations_lost")


def test_what_was_reserved_stays_promised_while_the_creation_is_set_aside(set_aside: str, market: Market) -> None:
    assert list(Reservation.objects.values_list("job_id", flat=True)) == [set_aside]
    assert (reserved(market), lost_reservations()) == (10 * CREDIT, 0)


def test_sending_it_again_brings_those_that_waited_for_it_and_frees_the_reservation(
    set_aside: str, market: Market, work: Work, clock: ManualClock
) -> None:
    market.receipts(set_aside)
    market.confirms(set_aside)
    OutboxOperation.objects.filter(subject=set_aside, kind__in=("job.receipt", "job.confirm")).update(
        state=OutboxState.REFUSED, reason="unknown_job: The job is not created.", answered_at=clock() + MOST_PATIENCE
    )

    assert retry_set_aside(f"job.create:{set_aside}") == 3
    work()

    assert {row.state for row in OutboxOperation.objects.filter(subject=set_aside)} == {OutboxState.COMMITTED}
    assert (reserved(market), Reservation.objects.count(), lost_reservations()) == (0, 0, 0)
    found = queries.job(set_aside)
    assert found is not None
    assert found.state == "settled"


def test_giving_it_up_frees_the_reservation_and_leaves_a_trace(set_aside: str, market: Market) -> None:
    call_command("ledger", "drop", f"job.create:{set_aside}")

    row = OutboxOperation.objects.get(operation_id=f"job.create:{set_aside}")
    assert (row.state, row.reason) == (OutboxState.REFUSED, "dropped: given up by the administrator")
    assert (reserved(market), Reservation.objects.count()) == (0, 0)
    with pytest.raises(CommandError, match="is set aside"):
        call_command("ledger", "drop", f"job.create:{set_aside}")


def test_a_promise_that_nothing_will_end_is_measured(set_aside: str) -> None:
    OutboxOperation.objects.filter(operation_id=f"job.create:{set_aside}").delete()

    assert lost_reservations() == 1


def test_refused_operations_are_counted_by_kind_and_reason(market: Market, work: Work) -> None:
    labels = {"kind": "job.expire", "reason": "unknown_job"}
    market.opens()
    work()
    before = LedgerMetrics().registry.get_sample_value("chainfaas_ledger_refused_total", labels) or 0
    market.enqueue(ExpireJob(job_id="none"), "none")
    OutboxOperation.objects.filter(kind="job.expire").update(created_at=market.clock() - 2 * MOST_PATIENCE)

    work()

    assert LedgerMetrics().registry.get_sample_value("chainfaas_ledger_refused_total", labels) == before + 1


@pytest.mark.skipif(not on_postgresql(), reason="SQLite has one writer at a time")
def test_balances_are_locked_in_one_order(market: Market, work: Work) -> None:
    market.opens()
    work()

    with CaptureQueriesContext(connection) as asked:
        lock_balances(["z", str(market.developer_id), "a"])

    (query,) = [item["sql"] for item in asked.captured_queries]
    assert query.endswith("ORDER BY 1 ASC FOR UPDATE")
