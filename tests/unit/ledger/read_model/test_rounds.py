"""What is compared each minute: all money, what changed, and in time everything."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from ledger import testing
from ledger.errors import LedgerUnavailable
from ledger.testing import InMemoryLedger
from portal.books.audit import rounds as module
from portal.books.audit.reconcile import Reconciliation, confirm
from portal.books.audit.rounds import Rounds
from portal.books.models import Balance, WorldState
from tests.support.outbox.market import Market
from wire.ledger import state_keys
from wire.ledger.blocks import Block

Work = Callable[[], None]
pytestmark = pytest.mark.django_db


class Counting:
    """A ledger that counts which keys it is asked for."""

    def __init__(self, ledger: InMemoryLedger) -> None:
        self._ledger = ledger
        self.asked: list[str] = []

        #: How many questions that were.
        self.questions = 0
        #: So often its blocks need longer than a reader waits.
        self.slow = 0

    def get_many(self, wanted: Sequence[str]) -> Mapping[str, str]:
        self.asked += wanted
        self.questions += 1
        return self._ledger.get_many(wanted)

    def blocks(self, first: int, limit: int) -> Sequence[Block]:
        if self.slow:
            self.slow -= 1
            return []
        return self._ledger.blocks(first, limit)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


@pytest.fixture
def ledger_(ledger: InMemoryLedger, market: Market, work: Work) -> Counting:
    market.opens()
    work()
    market.runs(20)
    work()
    return Counting(ledger)


@pytest.fixture
def rounds(ledger_: Counting, monkeypatch: pytest.MonkeyPatch) -> Rounds:
    """Slices of four keys, after the first round."""
    monkeypatch.setattr(module, "SLICE_KEYS", 4)
    monkeypatch.setattr(module, "_AT_ONCE", 4)
    made = Rounds(ledger_, breathe=lambda: None)
    made.next(())
    ledger_.asked.clear()
    return made


def compared(ledger: Counting, rounds: Rounds, again: tuple[str, ...] = ()) -> Reconciliation:
    return confirm(ledger, rounds.next(again), tries=1, wait=lambda: None)


def test_a_minute_costs_what_changed_in_it_not_what_there_is(
    ledger_: Counting, rounds: Rounds, market: Market, work: Work
) -> None:
    assert compared(ledger_, rounds).is_clean
    assert len(ledger_.asked) == 4 < WorldState.objects.count()

    (job_id,) = market.runs()
    work()
    assert compared(ledger_, rounds).is_clean

    assert state_keys.job(job_id) in ledger_.asked


def test_many_keys_are_one_question(ledger_: Counting, rounds: Rounds) -> None:
    before = ledger_.questions

    rounds.next(())

    assert (len(ledger_.asked), ledger_.questions - before) == (4, 1)


def test_a_block_that_comes_late_is_compared_all_the_same(
    ledger_: Counting, rounds: Rounds, market: Market, work: Work
) -> None:
    (job_id,) = market.runs()
    work()
    ledger_.slow = 2

    rounds.next(())

    assert state_keys.job(job_id) in ledger_.asked


def test_what_changed_is_compared_for_a_limited_time(
    ledger_: Counting, market: Market, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 1)
    seconds = itertools.count(0, 15)
    rounds = Rounds(ledger_, breathe=lambda: None, monotonic=lambda: next(seconds))
    rounds.next(())
    market.runs(20)
    work()
    ledger_.asked.clear()

    rounds.next(())

    assert 1 <= len(ledger_.asked) <= 4


@pytest.mark.parametrize("place", ["first", "last"])
def test_an_old_key_that_only_the_ledger_has_is_found_in_time(
    ledger_: Counting, rounds: Rounds, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testing, "PAGE_KEYS", 7)
    key = getattr(WorldState.objects.filter(key__startswith="job~").order_by("key"), place)().key
    WorldState.objects.filter(key=key).delete()

    found = next(found for _ in range(100) if (found := compared(ledger_, rounds)).differing_keys)

    assert found.differing_keys == (key,)


def test_what_the_newest_blocks_wrote_wrong_is_found_at_once(
    ledger_: Counting, rounds: Rounds, market: Market, work: Work
) -> None:
    (job_id,) = market.runs()
    work()
    WorldState.objects.filter(key=state_keys.job(job_id)).delete()

    assert state_keys.job(job_id) in compared(ledger_, rounds).differing_keys


def test_an_old_row_that_was_tampered_with_is_found_in_time_and_told_until_it_is_mended(
    ledger_: Counting, rounds: Rounds
) -> None:
    row = WorldState.objects.filter(key__startswith="job~").order_by("key").last()
    assert row
    WorldState.objects.filter(key=row.key).update(value="{}")

    found = next(found for _ in range(100) if (found := compared(ledger_, rounds)).differing_keys)
    assert found.differing_keys == (row.key,)
    again = compared(ledger_, rounds, found.differing_keys)
    assert again.differing_keys == (row.key,)

    row.save()
    assert compared(ledger_, rounds, again.differing_keys).is_clean


def test_money_is_added_up_in_every_round(ledger_: Counting, rounds: Rounds, market: Market) -> None:
    Balance.objects.filter(account_id=str(market.owner_id)).update(available_micro=0)
    assert [account for account, _ in compared(ledger_, rounds).differing_accounts] == [str(market.owner_id)]

    WorldState.objects.create(key=state_keys.account("forger"), value='{"available":5,"deposit":0,"held":0}')

    assert compared(ledger_, rounds).supply_drift_micro == 5


def test_a_ledger_that_never_stands_still_is_compared_in_parts(
    ledger_: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved(_prefix: str) -> None:
        raise LedgerUnavailable("the ledger moved")

    monkeypatch.setattr(ledger_._ledger, "items", moved)

    assert compared(ledger_, Rounds(ledger_, breathe=lambda: None)).is_clean
    assert len(ledger_.asked) >= WorldState.objects.count()
