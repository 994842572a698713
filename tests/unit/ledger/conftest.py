"""A ledger in memory with recorder and follower on it."""

from collections.abc import Callable

import pytest

from ledger.testing import InMemoryLedger
from portal.books.follower import Follower
from portal.governance.settling import settle_requests
from portal.keys import KeyName
from portal.outbox import leadership
from portal.outbox.recorder import Recorder
from tests.support.outbox.market import ManualClock, Market, genesis, signing_keys

Turn = Callable[[], bool]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ledger(clock: ManualClock) -> InMemoryLedger:
    return InMemoryLedger(genesis=genesis(), block_key=signing_keys()[KeyName.BLOCK], clock=clock.ms)


@pytest.fixture
def market(clock: ManualClock) -> Market:
    return Market(clock=clock)


@pytest.fixture
def term(clock: ManualClock) -> int:
    return leadership.take_over(leadership.RECORDER, now=clock())


@pytest.fixture
def recorder(ledger: InMemoryLedger, term: int, clock: ManualClock) -> Recorder:
    return Recorder(ledger=ledger, key=signing_keys()[KeyName.RECORDER], term=term, clock=clock)


@pytest.fixture
def follower(ledger: InMemoryLedger, term: int) -> Follower:
    return Follower(ledger=ledger, term=term, listeners=[settle_requests])


@pytest.fixture
def work(recorder: Recorder, follower: Follower) -> Callable[[], None]:
    """Turn recorder and follower until neither finds anything to do."""

    def until_idle() -> None:
        for _ in range(100):
            recorded, followed = recorder.step(), follower.step()
            if not recorded and not followed:
                return
        raise AssertionError("recorder and follower never come to rest")

    return until_idle
