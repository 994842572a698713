"""A real Fabric network under sustained load: nothing stalls, nothing is lost, nothing happens twice."""

import itertools
import time
from collections.abc import Iterator

import pytest

from deploy.servers.waiting import wait_for
from portal.ledger.fabric.ledger import FabricReader
from tests.support.fabric.load import CLIENTS, Watch, at_once, deposits
from tests.support.fabric.network import FabricNetwork, OnFabric, running_network
from tests.support.fabric.report import Report
from tests.support.ledger import World

#: Without a transaction of anybody's for so long, it is a stall: Fabric gives a transaction 30 s.
STALL_SECONDS = 10
EVERY = 1_000


@pytest.fixture
def loaded_network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FabricNetwork]:
    """The session's network; for a long run one of its own, which other tests need not read through."""
    if request.node.get_closest_marker("long") is None:
        yield request.getfixturevalue("fabric_network")
        return
    request.getfixturevalue("fabric_programs")
    with running_network(tmp_path_factory.mktemp("load") / "network", "--small") as network:
        yield network


@pytest.mark.parametrize("count", [3_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(14_400)])])
def test_sixteen_clients_stall_lose_and_double_nothing(
    loaded_network: FabricNetwork, report: Report, count: int
) -> None:
    accounts = [f"client-{number}-of-{count}" for number in range(CLIENTS)]
    watch, numbers = Watch(), itertools.count()
    with loaded_network.ledger() as ledger:
        world = World(ledger=OnFabric(ledger), now_ms=time.time_ns() // 1_000_000)
        for account_id in accounts:
            assert world.mint(account_id, 1) == "applied"
        first, begun = ledger.height, time.monotonic()

        def go_on() -> bool:
            number = next(numbers)
            if number and number % (EVERY * 5) == 0:
                report(f"{number} of {count} transactions after {time.monotonic() - begun:.0f} s")
            return number < count

        made = at_once(lambda client: deposits(loaded_network, accounts[client], go_on, watch))
        seconds = time.monotonic() - begun
        report(
            f"{count} transactions of {CLIENTS} clients in {seconds:.1f} s: {count / seconds:.0f} a second, slowest "
            f"{watch.slowest:.2f} s, longest silence {watch.silence:.2f} s, again {dict(watch.again)}"
        )
        assert [world.account(account_id).deposit for account_id in accounts] == made
        assert sum(made) == watch.done == count
        assert watch.silence < STALL_SECONDS
        assert world.books() == (0, {})
        assert applied(ledger, first) == count


def applied(ledger: FabricReader, first: int) -> int:
    """Return how many operations the blocks from one on have applied, each checked."""
    height, place, found = ledger.height, first, 0

    def complete() -> bool:
        nonlocal place, found
        blocks = ledger.blocks(place, 32)
        place += len(blocks)
        results = [result for block in blocks for record in block.transactions for result in record.results]
        found += sum(result.status == "applied" for result in results)
        return place >= height

    wait_for(f"blocks {first} to {height}", complete, 600)
    return found
