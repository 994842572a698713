"""Each epoch the controller names a block for operators to attest, and closes the epoch when it is over."""

from collections.abc import Callable

import pytest

from ledger.testing import InMemoryLedger
from portal.books.models import Bookmark
from portal.custody.topping_up import approve_as_all
from portal.keys import KeyName
from portal.ledgerd.chores import Chores
from portal.ledgerd.epochs import note_alarms
from portal.outbox.models import OutboxOperation
from portal.outbox.operations import Outgoing, enqueue, enqueue_all
from tests.support.outbox.blocks import block_of
from tests.support.outbox.market import ManualClock, Market
from wire.codec import decode
from wire.ledger import state_keys
from wire.ledger.blocks import Event
from wire.ledger.operations import AttestEpoch, RegisterOperator
from wire.ledger.records import Epoch
from wire.ledger.states import EpochState
from wire.signing import SigningKey

pytestmark = pytest.mark.django_db
PETER = SigningKey.generate()


class Turn:
    """Recorder, follower and chores, a minute at a time."""

    def __init__(self, chores: Chores, work: Callable[[], None], clock: ManualClock) -> None:
        self.chores, self.work, self.clock = chores, work, clock

    def after(self, minutes: int) -> bool:
        self.clock.forward(minutes=minutes)
        worked = self.chores.step()
        self.work()
        return worked


@pytest.fixture
def turn(ledger: InMemoryLedger, term: int, clock: ManualClock, work: Callable[[], None]) -> Turn:
    work()
    chores = Chores(ledger=ledger, term=term, clock=clock, monotonic=lambda: clock().timestamp())
    return Turn(chores, work, clock)


def registers_operator(market: Market, turn: Turn) -> None:
    arguments = RegisterOperator(operator_id="peter", public_key_pem=PETER.public.pem)
    operation_id = "operator.register:peter"
    outgoing = Outgoing(
        operation_id=operation_id,
        arguments=arguments,
        subject="peter",
        author=market.keys[KeyName.AUTHORITY_CONTROLLER],
    )
    enqueue_all([outgoing], now=turn.clock())
    turn.work()
    approve_as_all(operation_id, keys={"peers": market.keys[KeyName.AUTHORITY_PEERS]}, now=turn.clock())
    turn.work()


def newest(ledger: InMemoryLedger) -> Epoch:
    text = ledger.get(state_keys.epoch())
    assert text is not None
    return decode(Epoch, text)


def test_a_ledger_without_operators_has_no_epochs(turn: Turn, market: Market, ledger: InMemoryLedger) -> None:
    market.opens()
    turn.work()

    assert not turn.after(minutes=1)
    assert ledger.get(state_keys.epoch()) is None


def test_an_epoch_gets_its_checkpoint_and_is_closed_once(turn: Turn, market: Market, ledger: InMemoryLedger) -> None:
    market.opens()
    market.runs()
    turn.work()
    registers_operator(market, turn)
    seen = Bookmark.objects.get()

    assert turn.after(minutes=1)
    first = newest(ledger)
    assert (first.block_number, first.block_hash) == (seen.block_number, seen.block_hash)
    assert not turn.after(minutes=1)
    said = AttestEpoch(epoch=first.number, height=ledger.height, block_hash=first.block_hash)
    enqueue(operation_id="epoch.attest:peter:1", arguments=said, subject="peter", now=turn.clock(), author=PETER)
    turn.work()
    assert not turn.after(minutes=66), "another clock may be behind"

    assert turn.after(minutes=5)
    assert newest(ledger).state is EpochState.SHARED
    assert turn.after(minutes=1)
    assert (newest(ledger).number, newest(ledger).state) == (first.number + 1, EpochState.OPEN)
    assert newest(ledger).block_number > first.block_number
    assert OutboxOperation.objects.filter(kind__startswith="epoch.").exclude(state="committed").count() == 0


def test_a_controller_that_was_away_closes_the_old_epoch_first(
    turn: Turn, market: Market, ledger: InMemoryLedger
) -> None:
    registers_operator(market, turn)
    turn.after(minutes=1)
    old = newest(ledger)

    assert turn.after(minutes=60 * 24)
    assert (newest(ledger).number, newest(ledger).state) == (old.number, EpochState.UNSHARED)
    assert turn.after(minutes=1)
    assert newest(ledger).number == old.number + 24


def test_a_contradiction_is_an_alarm(caplog: pytest.LogCaptureFixture) -> None:
    body = {"epoch": 1, "block_hash": "b" * 64}

    note_alarms(block_of([Event(name="epoch.contradicted.v1", subject="peter", body=body)]))
    note_alarms(block_of([Event(name="epoch.attested.v1", subject="peter", body=body)]))

    assert [(record.levelname, record.message) for record in caplog.records] == [("CRITICAL", "epoch.alarm")]
