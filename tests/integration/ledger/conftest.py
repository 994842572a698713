"""Recorder, follower and chores on a ledger's file in this process, with a clock that is set by hand."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.embedded.ledger import EmbeddedWriter
from portal.books.follower import Follower
from portal.governance.settling import settle_requests
from portal.keys import KeyName, load_genesis, signing_key
from portal.ledgerd.chores import Chores
from portal.outbox import leadership
from portal.outbox.recorder import Recorder
from tests.support.outbox.market import ManualClock, Market
from tests.support.outbox.provider import ClaimingProvider
from tests.support.tickets import Controller


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def written(tmp_path: Path, controller_keys: Path, clock: ManualClock) -> Iterator[EmbeddedWriter]:  # noqa: ARG001 - a fixture
    """The ledger's file."""
    path = tmp_path / "ledger.sqlite3"
    with EmbeddedWriter.open(
        path, block_key=signing_key(KeyName.BLOCK), genesis=load_genesis(), clock=clock.ms
    ) as ledger:
        yield ledger


@pytest.fixture
def term(db: None, clock: ManualClock) -> int:  # noqa: ARG001 - a fixture
    return leadership.take_over(leadership.RECORDER, now=clock())


@pytest.fixture
def work(written: EmbeddedWriter, term: int, clock: ManualClock) -> Callable[[], None]:
    """Let recorder, follower and chores turn until none finds anything to do; the chores at every call."""
    recorder = Recorder(ledger=written, key=signing_key(KeyName.RECORDER), term=term, clock=clock)
    follower = Follower(ledger=written, term=term, listeners=[settle_requests])

    def until_idle() -> None:
        chores = Chores(ledger=written, term=term, clock=clock)
        for _ in range(100):
            if not any([recorder.step(), follower.step(), chores.step()]):
                return
        raise AssertionError("the ledger's process never comes to rest")

    return until_idle


@pytest.fixture
def market(controller_keys: Path, clock: ManualClock, work: Callable[[], None]) -> Market:  # noqa: ARG001 - a fixture
    made = Market(clock=clock, keys={name: signing_key(name) for name in KeyName})
    made.opens()
    work()
    return made


@pytest.fixture
def provider(market: Market, tmp_path: Path, work: Callable[[], None]) -> Iterator[ClaimingProvider]:
    controller = Controller(root=signing_key(KeyName.ROOT))
    made = ClaimingProvider(market=market, directory=tmp_path, controller=controller, work=work)
    yield made
    made.journal.close()
