"""A rebuilt read model equals the one that grew, however often the rebuild was cut short."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger.testing import InMemoryLedger
from portal.books.errors import ReadModelUnfinished
from portal.books.follower import Follower
from portal.books.models import (
    Balance,
    Bookmark,
    LedgerBlock,
    LedgerEvent,
    LedgerJob,
    LedgerTransaction,
    Rebuilding,
    Reservation,
    WorldState,
)
from portal.books.read_model import rebuilding
from portal.books.read_model.rebuilding import rebuild, require_whole, under_way
from portal.ledgerd.status import status_of
from portal.outbox import leadership
from portal.outbox.errors import Superseded
from portal.outbox.models import OutboxOperation
from portal.outbox.recorder import Recorder
from tests.support.outbox.crashes import Crash, crashing_at
from tests.support.outbox.market import ManualClock, Market
from wire.outcomes import ExitState

pytestmark = pytest.mark.django_db
Said = list[tuple[int, int]]


def read_model() -> dict[str, Any]:
    models = (LedgerBlock, LedgerTransaction, LedgerJob, Balance, WorldState, Bookmark, Reservation, OutboxOperation)
    rows: dict[str, Any] = {model.__name__: list(model.objects.order_by("pk").values()) for model in models}
    events = LedgerEvent.objects.order_by("id").values("transaction_id", "name", "subject", "body", "at")
    return {**rows, "LedgerEvent": list(events)}


def a_bit_of_everything(market: Market) -> None:
    market.opens()
    market.runs(3)
    failed = market.creates()
    market.receipts(failed, exit_state=ExitState.CRASHED)
    market.creates()
    market.creates(max_ms=10**9)


@pytest.fixture
def grown(work: Callable[[], None], market: Market, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The read model after three blocks, with a reservation."""
    monkeypatch.setattr(rebuilding, "_DELETED_AT_ONCE", 20)
    a_bit_of_everything(market)
    work()
    market.runs(2)
    Reservation.objects.create(job_id="open", account_id=str(market.developer_id), amount_micro=7)
    Balance.objects.filter(account_id=str(market.developer_id)).update(reserved_micro=7)
    work()
    return read_model()


def again(ledger: InMemoryLedger, clock: ManualClock) -> tuple[Said, Said]:
    emptied: Said = []
    applied: Said = []
    rebuild(
        ledger,
        now=clock(),
        listeners=[],
        emptied=lambda done, total: emptied.append((done, total)),
        applied=lambda done, total: applied.append((done, total)),
    )
    return emptied, applied


def test_a_rebuilt_read_model_equals_the_one_that_grew(
    ledger: InMemoryLedger, clock: ManualClock, grown: dict[str, Any]
) -> None:
    emptied, applied = again(ledger, clock)

    assert read_model() == grown
    assert applied == [(3, 3)]
    assert [done for done, _ in emptied] == sorted({done for done, _ in emptied})
    assert {total for _, total in emptied} == {emptied[-1][0]}
    assert under_way() == ""


def test_a_rebuild_that_was_cut_short_goes_on_where_it_stopped(
    ledger: InMemoryLedger, clock: ManualClock, grown: dict[str, Any]
) -> None:
    seen = set()
    for step in range(1, 400, 5):
        try:
            with crashing_at(step):
                again(ledger, clock)
            break
        except Crash:
            seen.add(under_way())
        if under_way():
            assert not status_of(ledger).is_well
            with pytest.raises(ReadModelUnfinished, match="ledger rebuild"):
                require_whole()
        again(ledger, clock)

        assert read_model() == grown
        require_whole()

    assert seen == {"", Rebuilding.EMPTYING, Rebuilding.APPLYING}


def test_a_rebuild_takes_over_from_a_running_follower(
    follower: Follower, recorder: Recorder, ledger: InMemoryLedger, market: Market, clock: ManualClock
) -> None:
    market.opens()
    recorder.step()
    again(ledger, clock)
    market.mints(1)

    with pytest.raises(Superseded):
        recorder.step()
    assert not follower.step()


def test_a_rebuild_that_was_replaced_changes_nothing_more(
    ledger: InMemoryLedger, clock: ManualClock, grown: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leadership, "take_over", lambda *_, **__: 0)

    with pytest.raises(Superseded):
        again(ledger, clock)

    assert read_model() == grown
