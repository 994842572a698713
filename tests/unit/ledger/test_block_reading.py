"""Two threads read blocks of one Fabric ledger; a Deliver that is faked hands them out when it is told to."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

import ledger.fabric.ledger as module
from fabric_client import deliver
from fabric_client.deliver import BlockReader
from ledger.fabric.ledger import FabricReader
from tests.support.waiting import wait_for

_HEIGHT = 60


class FakeDeliver:
    """Streams of blocks, each a number; those from `held` on give nothing until they are cancelled."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.held: set[int] = set()

    def __call__(self, _peer: Any, _identity: Any, _channel: str, first: int) -> tuple[Any, Iterator[Any]]:
        cancelled = threading.Event()
        self.begun.append(first)
        return SimpleNamespace(cancel=cancelled.set), self._blocks(first, cancelled)

    def _blocks(self, first: int, cancelled: threading.Event) -> Iterator[Any]:
        for number in range(first, first if first in self.held else _HEIGHT):
            yield SimpleNamespace(header=SimpleNamespace(number=number))
        cancelled.wait(30)


@pytest.fixture
def delivered(monkeypatch: pytest.MonkeyPatch) -> FakeDeliver:
    made = FakeDeliver()
    monkeypatch.setattr(deliver, "deliver", made)
    monkeypatch.setattr(module, "block_of", lambda block, _channel: block)
    return made


class _Verifier:
    def check(self, block: Any, previous: Any) -> None:
        assert previous is None or block.header.number == previous.number + 1


def _peers() -> Any:
    return SimpleNamespace(current="a peer", identity=None, close=lambda: None)


def _numbers(blocks: Any) -> list[int]:
    return [block.header.number for block in blocks]


def test_who_waits_for_a_block_is_not_given_one_that_another_asked_for(delivered: FakeDeliver) -> None:
    delivered.held = {5}
    reader = BlockReader(_peers(), "channel", cast("Any", _Verifier()))

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(reader.take, 5, 1)
        wait_for("the first to ask", lambda: delivered.begun == [5], 30)
        taken = wait_for("block 20", partial(reader.take, 20, 1), 30)
        assert _numbers(waiting.result(30)) == []

    assert _numbers(taken) == [20]
    assert _numbers(wait_for("block 21", partial(reader.take, 21, 1), 30)) == [21]
    reader.close()


def test_the_follower_and_the_auditor_read_each_at_a_place_of_its_own(delivered: FakeDeliver) -> None:
    profile: Any = SimpleNamespace(connect=_peers, channel="channel", chaincode="market", verifier=_Verifier)

    with FabricReader(profile) as ledger, ThreadPoolExecutor(2) as pool:
        found = list(pool.map(partial(_read_from, ledger), (0, 30)))

    assert found == [list(range(_HEIGHT)), list(range(30, _HEIGHT))]
    assert sorted(delivered.begun) == [0, 30]


def _read_from(ledger: FabricReader, first: int) -> list[int]:
    found: list[int] = []
    while first + len(found) < _HEIGHT:
        number = first + len(found)
        found += _numbers(wait_for("a block", partial(ledger.blocks, number, 1), 30))
    return found
