"""The recorder: order, refusals, poison, fencing, and a crash at every line."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.errors import CommitUnknown, LedgerUnavailable, TransactionRefused
from ledger.testing import InMemoryLedger
from portal.books.follower import Follower
from portal.books.models import Balance, LedgerJob
from portal.keys import KeyName
from portal.outbox import leadership
from portal.outbox.errors import Superseded
from portal.outbox.models import OutboxOperation, OutboxState
from portal.outbox.recorder import MAX_OPERATIONS, MOST_SET_ASIDE, Recorder, Submission
from tests.support.outbox.crashes import Crash, crashing_at
from tests.support.outbox.market import CREDIT, ManualClock, Market, signing_keys
from wire import signing
from wire.codec import decode
from wire.ledger.blocks import TransactionBody, TransactionRecord

pytestmark = pytest.mark.django_db


def states() -> dict[str, int]:
    found: dict[str, int] = {}
    for state in OutboxOperation.objects.values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found


def sizes(ledger: InMemoryLedger) -> list[int]:
    return [len(block.transactions[0].results) for block in ledger.blocks(1, 1000)]


@dataclass
class Faulty:
    """A ledger whose submit fails as told; everything else is the ledger's own."""

    ledger: InMemoryLedger
    before: Callable[[Sequence[str]], None] = lambda _operations: None
    after: Callable[[], None] = lambda: None

    def submit(self, envelope: str) -> TransactionRecord:
        self.before(decode(TransactionBody, signing.payload_of(envelope)).operations)
        record = self.ledger.submit(envelope)
        self.after()
        return record

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)


def recorder_on(ledger: Any, clock: ManualClock) -> Recorder:
    term = leadership.take_over(leadership.RECORDER, now=clock())
    return Recorder(ledger=ledger, key=signing_keys()[KeyName.RECORDER], term=term, clock=clock)


def test_a_job_is_recorded_and_paid(work: Callable[[], None], market: Market) -> None:
    market.opens()
    job_id = market.runs()[0]

    work()

    assert set(OutboxOperation.objects.values_list("state", "reason")) == {(OutboxState.COMMITTED, "")}
    job = LedgerJob.objects.get(id=job_id)
    assert (job.state, job.billed_ms, job.cost_micro, job.payment_done) == ("settled", 12_000, 12 * CREDIT, True)
    balances = {row.account_id: row.available_micro + row.deposit_micro for row in Balance.objects.all()}
    assert balances == {
        str(market.developer_id): 588 * CREDIT,
        str(market.owner_id): 11_400_000,
        "platform": 240_000,
        "peers": 360_000,
    }


def test_operations_go_out_in_order_and_a_thousand_at_once(
    recorder: Recorder, follower: Follower, ledger: InMemoryLedger, market: Market
) -> None:
    market.opens()
    for _ in range(MAX_OPERATIONS):
        market.mints(1)

    while recorder.step():
        follower.step()

    assert sizes(ledger) == [MAX_OPERATIONS, OutboxOperation.objects.count() - MAX_OPERATIONS]
    sent = [result.operation_id for block in ledger.blocks(1, 9) for result in block.transactions[0].results]
    assert sent == list(OutboxOperation.objects.order_by("id").values_list("operation_id", flat=True))


def test_nothing_more_is_submitted_while_a_transaction_is_on_its_way(
    ledger: InMemoryLedger, market: Market, clock: ManualClock
) -> None:
    sent: list[tuple[Submission, Future[TransactionRecord]]] = []

    def carry(submission: Submission) -> Future[TransactionRecord]:
        sent.append((submission, Future()))
        return sent[-1][1]

    term = leadership.take_over(leadership.RECORDER, now=clock())
    key = signing_keys()[KeyName.RECORDER]
    recorder = Recorder(ledger=ledger, key=key, term=term, clock=clock, carry=carry)
    market.mints(1)
    assert recorder.step()
    market.mints(1)

    assert not recorder.step()
    submission, answer = sent[0]
    answer.set_result(submission())
    assert recorder.step()
    assert len(sent) == 2
    assert states() == {"submitted": 2}


def test_the_next_transaction_does_not_wait_for_the_follower(
    recorder: Recorder, follower: Follower, ledger: InMemoryLedger, market: Market
) -> None:
    for _ in range(2):
        market.mints(1)
        assert recorder.step()

    assert sizes(ledger) == [1, 1]
    while follower.step():
        pass
    assert states() == {"committed": 2}


def test_a_refused_operation_does_not_stop_the_others(work: Callable[[], None], market: Market) -> None:
    market.opens(deposit=CREDIT)
    refused = market.creates()
    afterwards = market.mints(5)

    work()

    row = OutboxOperation.objects.get(operation_id=f"job.create:{refused}")
    assert (row.state, row.reason.partition(":")[0]) == (OutboxState.REFUSED, "deposit_too_low")
    assert OutboxOperation.objects.get(operation_id=f"account.mint:{afterwards}").state == OutboxState.COMMITTED


def test_an_operation_that_the_contracts_cannot_read_is_refused_by_its_place(
    work: Callable[[], None], market: Market
) -> None:
    market.mints(1)
    broken = OutboxOperation.objects.create(
        operation_id="broken", kind="broken", subject="x", body="{}", created_at=market.clock()
    )
    market.mints(1)

    work()

    broken.refresh_from_db()
    assert (broken.state, broken.reason.partition(":")[0]) == (OutboxState.REFUSED, "unknown_kind")
    assert states() == {OutboxState.COMMITTED: 2, OutboxState.REFUSED: 1}


@pytest.mark.parametrize("place", [0, 7, 24])
def test_a_poisoned_operation_is_set_aside_and_the_others_are_recorded(
    ledger: InMemoryLedger, clock: ManualClock, market: Market, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    references = [market.mints(1) for _ in range(25)]

    def refuse_poison(operations: Sequence[str]) -> None:
        texts = [signing.payload_of(item).decode() for item in operations]
        if any(references[place] in text for text in texts):
            raise TransactionRefused("it raises")

    recorder = recorder_on(Faulty(ledger, before=refuse_poison), clock)
    follower = Follower(ledger=ledger, term=recorder._term)
    for _ in range(60):
        recorder.step()
        follower.step()

    poison = OutboxOperation.objects.get(state=OutboxState.SET_ASIDE)
    assert poison.operation_id == f"account.mint:{references[place]}"
    assert "it raises" in poison.reason
    assert states() == {OutboxState.COMMITTED: 24, OutboxState.SET_ASIDE: 1}
    alarms = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in alarms] == ["ledger.operation_set_aside"]


def test_a_ledger_that_refuses_everything_is_not_taken_for_poison(
    ledger: InMemoryLedger, clock: ManualClock, market: Market
) -> None:
    for _ in range(3 * MOST_SET_ASIDE):
        market.mints(1)

    def refuse(_operations: Sequence[str]) -> None:
        raise TransactionRefused("always")

    recorder = recorder_on(Faulty(ledger, before=refuse), clock)
    with pytest.raises(LedgerUnavailable, match="every transaction"):
        _step_often(recorder)

    assert states()[OutboxState.SET_ASIDE] == MOST_SET_ASIDE


def _step_often(recorder: Recorder) -> None:
    for _ in range(200):
        recorder.step()


@pytest.mark.parametrize("error", [LedgerUnavailable("full"), CommitUnknown("timeout")])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_became_of_a_transaction_is_asked_after_an_error(
    ledger: InMemoryLedger, clock: ManualClock, market: Market, moment: str, error: Exception
) -> None:
    market.opens()
    market.runs()
    failing = iter([error])

    def fail(*_: object) -> None:
        for once in failing:
            raise once

    recorder = recorder_on(Faulty(ledger, **{moment: fail}), clock)
    follower = Follower(ledger=ledger, term=recorder._term)
    with pytest.raises(type(error)):
        recorder.step()
    while recorder.step() or follower.step():
        pass

    assert set(states()) == {OutboxState.COMMITTED}
    assert sizes(ledger) == [OutboxOperation.objects.count()]


def test_of_two_recorders_the_older_one_changes_nothing(
    ledger: InMemoryLedger, clock: ManualClock, market: Market
) -> None:
    older, newer = recorder_on(ledger, clock), recorder_on(ledger, clock)
    market.mints(1)

    with pytest.raises(Superseded):
        older.step()
    assert states() == {OutboxState.PENDING: 1}
    assert newer.step()


def test_a_recorder_that_slept_with_a_transaction_in_hand_doubles_nothing(
    ledger: InMemoryLedger, clock: ManualClock, market: Market
) -> None:
    market.opens()
    market.runs()
    envelopes: list[str] = []

    class Asleep(Exception):
        """The process stands still before it submits."""

    @dataclass
    class Sleeping(Faulty):
        def submit(self, envelope: str) -> TransactionRecord:
            envelopes.append(envelope)
            raise Asleep

    with pytest.raises(Asleep):
        recorder_on(Sleeping(ledger), clock).step()
    newer = recorder_on(ledger, clock)
    follower = Follower(ledger=ledger, term=newer._term)
    while newer.step() or follower.step():
        pass
    before = list(Balance.objects.order_by("account_id").values())
    ledger.submit(envelopes[0])
    follower.step()

    assert sizes(ledger) == [OutboxOperation.objects.count()] * 2
    assert list(Balance.objects.order_by("account_id").values()) == before
    assert set(states()) == {OutboxState.COMMITTED}


def test_a_crash_at_any_line_loses_and_doubles_nothing(ledger: InMemoryLedger, clock: ManualClock) -> None:
    crashes = 0
    for step in range(1, 200):
        market = Market(clock=clock)
        market.opens()
        job_id = market.runs()[0]
        try:
            with crashing_at(step) as tick:
                turn_until_idle(Faulty(ledger, before=lambda _: tick(), after=tick), clock)
            break
        except Crash:
            crashes += 1
        turn_until_idle(ledger, clock)

        assert set(states()) == {OutboxState.COMMITTED}
        assert LedgerJob.objects.get(id=job_id).cost_micro == 12 * CREDIT
        assert Balance.objects.get(account_id=str(market.developer_id)).deposit_micro == 588 * CREDIT
        assert Balance.objects.get(account_id=str(market.owner_id)).available_micro == 11_400_000

    assert crashes > 20


def turn_until_idle(ledger: Any, clock: ManualClock) -> None:
    recorder = recorder_on(ledger, clock)
    follower = Follower(ledger=ledger, term=recorder._term)
    while recorder.step() or follower.step():
        pass


def test_the_recorder_never_reads_what_is_answered(
    work: Callable[[], None], market: Market, recorder: Recorder
) -> None:
    market.opens()
    work()

    with CaptureQueriesContext(connection) as queries:
        assert not recorder.step()

    (statement,) = [query["sql"] for query in queries]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
            assert "outbox_open" in str(cursor.fetchall())
    assert '"answered_at" IS NULL' in statement


def test_what_waits_for_another_operation_is_sent_again_and_paid(
    work: Callable[[], None], market: Market, clock: ManualClock
) -> None:
    market.opens()
    job_id = market.creates()
    OutboxOperation.objects.filter(kind="job.create").update(state=OutboxState.SET_ASIDE)
    market.receipts(job_id)
    market.confirms(job_id)
    work()
    waiting = OutboxOperation.objects.filter(subject=job_id, kind__in=("job.receipt", "job.confirm"))
    assert set(waiting.values_list("state", flat=True)) == {OutboxState.PENDING}
    assert all("unknown_job" in row.reason and row.due_at and row.due_at > clock() for row in waiting)

    OutboxOperation.objects.filter(kind="job.create").update(state=OutboxState.PENDING)
    clock.forward(seconds=2)
    work()

    assert set(waiting.values_list("state", flat=True)) == {OutboxState.COMMITTED}
    assert LedgerJob.objects.get(id=job_id).state == "settled"


def test_what_waits_in_vain_is_refused_after_two_days(
    work: Callable[[], None], market: Market, clock: ManualClock
) -> None:
    market.opens()
    market.receipts("made-up-1")
    work()

    clock.forward(days=2, seconds=1)
    work()

    assert states()[OutboxState.REFUSED] == 1
