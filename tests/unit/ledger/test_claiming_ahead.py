"""While a transaction is on its way the next one is claimed, if it is a full one; the order stays."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext

import pytest
from django.db import OperationalError

from ledger.errors import CommitUnknown, ReadConflict, TransactionRefused
from ledger.testing import InMemoryLedger
from portal.books.follower import Follower
from portal.keys import KeyName
from portal.outbox import leadership
from portal.outbox.errors import Superseded
from portal.outbox.models import OutboxOperation, OutboxState
from portal.outbox.recorder import Recorder, Submission
from tests.support.outbox.crashes import Crash, crashing_at
from tests.support.outbox.market import ManualClock, Market, signing_keys
from wire.ledger.blocks import TransactionRecord
from wire.signing import SigningKey

pytestmark = pytest.mark.django_db
AT_ONCE = 3


class Way:
    """Where submissions wait until they are let through, or fail."""

    def __init__(self) -> None:
        self.answers: list[Future[TransactionRecord]] = []
        self.submissions: list[Submission] = []
        #: The ledger refuses every transaction with this operation.
        self.poison = ""

    def carry(self, submission: Submission) -> Future[TransactionRecord]:
        self.submissions.append(submission)
        self.answers.append(Future())
        return self.answers[-1]

    def arrive(self) -> None:
        self.answers[-1].set_result(self.submissions[-1]())

    def let_through(self) -> bool:
        if not self.answers or self.answers[-1].done():
            return False
        on_its_way = OutboxOperation.objects.filter(operation_id=self.poison, state=OutboxState.SUBMITTED)
        first = OutboxOperation.objects.filter(state=OutboxState.SUBMITTED).order_by("id").first()
        if first is not None and first in on_its_way:
            self.fail(TransactionRefused("poison"))
        else:
            self.arrive()
        return True

    def fail(self, error: Exception) -> None:
        self.answers[-1].set_exception(error)


@pytest.fixture
def way() -> Way:
    return Way()


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.outbox.recorder.MAX_OPERATIONS", AT_ONCE)


@pytest.fixture
def recorder(ledger: InMemoryLedger, term: int, clock: ManualClock, way: Way) -> Recorder:
    key = signing_keys()[KeyName.RECORDER]
    return Recorder(ledger=ledger, key=key, term=term, clock=clock, carry=way.carry)


@pytest.fixture
def waiting(market: Market) -> Callable[[int], list[str]]:
    def waiting(count: int) -> list[str]:
        for _ in range(count):
            market.mints(1)
        return list(OutboxOperation.objects.order_by("id").values_list("operation_id", flat=True))

    return waiting


@pytest.fixture
def settle(recorder: Recorder, follower: Follower, way: Way, waiting: Callable[[int], list[str]]) -> Callable[[], None]:
    """Three transactions wait; this lets everything arrive until nothing is left to do."""
    waiting(3 * AT_ONCE)

    def settle() -> None:
        for _ in range(100):
            if not any([recorder.step(), recorder.step(), way.let_through(), follower.step()]):
                return
        raise AssertionError("recorder and follower never come to rest")

    return settle


def submitted() -> list[str]:
    rows = OutboxOperation.objects.filter(state=OutboxState.SUBMITTED).order_by("id")
    return list(rows.values_list("operation_id", flat=True))


def sent(ledger: InMemoryLedger, first: int = 1) -> list[list[str]]:
    return [
        [result.operation_id for result in block.transactions[0].results]
        for block in ledger.blocks(first, 10_000)
        if block.transactions
    ]


def test_the_next_full_transaction_is_claimed_and_goes_out_with_the_answer(
    recorder: Recorder, ledger: InMemoryLedger, way: Way, waiting: Callable[[int], list[str]]
) -> None:
    ids = waiting(3 * AT_ONCE)

    assert recorder.step()
    assert recorder.step()
    assert not recorder.step()
    assert submitted() == ids[: 2 * AT_ONCE]
    assert len(way.answers) == 1
    way.arrive()
    assert recorder.step()
    assert len(way.answers) == 2
    way.arrive()
    assert sent(ledger) == [ids[:AT_ONCE], ids[AT_ONCE : 2 * AT_ONCE]]


def test_a_recorder_that_was_replaced_sends_nothing_that_it_had_claimed(
    recorder: Recorder, way: Way, clock: ManualClock, waiting: Callable[[int], list[str]]
) -> None:
    waiting(2 * AT_ONCE)
    recorder.step()
    recorder.step()
    leadership.take_over(leadership.RECORDER, now=clock())
    way.arrive()

    with pytest.raises(Superseded):
        recorder.step()
    assert len(way.answers) == 1


def test_a_small_one_is_not_claimed_for_more_may_come(
    recorder: Recorder, ledger: InMemoryLedger, way: Way, waiting: Callable[[int], list[str]]
) -> None:
    waiting(AT_ONCE + 1)
    assert recorder.step()
    assert not recorder.step()

    ids = waiting(1)
    assert not recorder.step()
    way.arrive()
    assert recorder.step()
    way.arrive()

    assert sent(ledger) == [ids[:AT_ONCE], ids[AT_ONCE:]]


@pytest.mark.parametrize("error", [ReadConflict("faster"), TransactionRefused("no"), CommitUnknown("late")])
def test_after_a_failure_everything_goes_out_in_its_order(
    settle: Callable[[], None], recorder: Recorder, ledger: InMemoryLedger, way: Way, error: Exception
) -> None:
    ids = [row.operation_id for row in OutboxOperation.objects.order_by("id")]
    recorder.step()
    recorder.step()
    assert submitted() == ids[: 2 * AT_ONCE]
    way.fail(error)

    with nullcontext() if not isinstance(error, CommitUnknown) else pytest.raises(CommitUnknown):
        recorder.step()
    settle()

    assert [operation_id for batch in sent(ledger) for operation_id in batch] == ids
    assert set(OutboxOperation.objects.values_list("state", flat=True)) == {OutboxState.COMMITTED}


def test_one_that_is_set_aside_holds_up_nothing_that_was_claimed(
    settle: Callable[[], None], ledger: InMemoryLedger, way: Way
) -> None:
    poison = OutboxOperation.objects.order_by("id")[0]
    way.poison = poison.operation_id

    settle()

    others = OutboxOperation.objects.exclude(id=poison.id).order_by("id")
    ids = [row.operation_id for row in others]
    assert [operation_id for batch in sent(ledger) for operation_id in batch] == ids
    assert {row.state for row in others} == {OutboxState.COMMITTED}
    poison.refresh_from_db()
    assert poison.state == OutboxState.SET_ASIDE


def test_a_claim_whose_outcome_the_database_did_not_tell_is_taken_back(
    settle: Callable[[], None], recorder: Recorder, ledger: InMemoryLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [row.operation_id for row in OutboxOperation.objects.order_by("id")]
    recorder.step()

    def lost(**_: object) -> None:
        raise OperationalError("the connection was lost after the commit")

    with monkeypatch.context() as patched:
        patched.setattr("portal.outbox.recorder._Claimed", lost)
        with pytest.raises(OperationalError):
            recorder.step()
    assert submitted() == ids[: 2 * AT_ONCE]
    settle()

    assert [operation_id for batch in sent(ledger) for operation_id in batch] == ids


@pytest.mark.parametrize("reached", [False, True], ids=["the last one never arrives", "the last one arrives"])
def test_a_crash_at_any_statement_loses_doubles_and_reorders_nothing(
    ledger: InMemoryLedger, clock: ManualClock, waiting: Callable[[int], list[str]], *, reached: bool
) -> None:
    key = signing_keys()[KeyName.RECORDER]
    for step in range(1, 100):
        first, ids = ledger.height, waiting(3 * AT_ONCE)[-3 * AT_ONCE :]
        way = Way()
        try:
            with crashing_at(step):
                turn_until_idle(ledger, clock, key, way)
            break
        except Crash:
            if reached and way.answers and not way.answers[-1].done():
                way.arrive()
        turn_until_idle(ledger, clock, key, Way())

        assert set(OutboxOperation.objects.values_list("state", flat=True)) == {OutboxState.COMMITTED}
        assert [operation_id for batch in sent(ledger, first) for operation_id in batch] == ids
    else:
        raise AssertionError("it always crashed")

    assert step > 30


def turn_until_idle(ledger: InMemoryLedger, clock: ManualClock, key: SigningKey, way: Way) -> None:
    term = leadership.take_over(leadership.RECORDER, now=clock())
    recorder = Recorder(ledger=ledger, key=key, term=term, clock=clock, carry=way.carry)
    follower = Follower(ledger=ledger, term=term)
    while any([recorder.step(), recorder.step(), way.let_through(), follower.step()]):
        pass
