"""A real Fabric network under sustained load: nothing stalls, nothing is lost, nothing happens twice."""

import itertools
import time
from collections.abc import Iterator

import pytest

from deploy.servers.waiting import wait_for
from ledger.fabric.ledger import FabricLedger, FabricReader
from tests.support.fabric.load import CLIENTS, Watch, at_once, deposits, world_on
from tests.support.fabric.network import FabricNetwork, running_network
from tests.support.fabric.payments import PAY, Developer, naive_servers, pay_naively
from tests.support.fabric.report import Report
from tests.support.ledger import KEYS, World
from wire.ledger import state_keys
from wire.ledger.operations import SetFees
from wire.ledger.records import FeePolicy

#: Of a payment: provider, platform, peers.
SPLIT = (PAY * 93 // 100, PAY * 5 // 100, PAY * 2 // 100)
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


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(3_000, marks=pytest.mark.timeout(300)),
        pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(14_400)]),
    ],
)
def test_sixteen_clients_stall_lose_and_double_nothing(
    loaded_network: FabricNetwork, report: Report, count: int
) -> None:
    accounts = [f"client-{number}-of-{count}" for number in range(CLIENTS)]
    watch, numbers = Watch(), itertools.count()
    with loaded_network.ledger() as ledger:
        world = world_on(ledger)
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


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(320, marks=pytest.mark.timeout(300)),
        pytest.param(10_000, marks=[pytest.mark.long, pytest.mark.timeout(7_200)]),
    ],
)
def test_payments_to_one_provider_never_meet(loaded_network: FabricNetwork, report: Report, count: int) -> None:
    developers = [Developer(f"developer-{number}-of-{count}") for number in range(CLIENTS)]
    watch, each = Watch(), count // CLIENTS
    with loaded_network.ledger() as ledger, naive_servers(loaded_network):
        world = opened(ledger)
        for developer in developers:
            developer.settle_down(world)
        before, begun = [world.owns(name) for name in ("alice", "platform", "peers")], time.monotonic()

        def pay(client: int) -> int:
            with loaded_network.ledger() as own:
                for number in range(each):
                    developers[client].pay(own, watch, by_claim=number % 5 == 0)
            return each

        assert sum(at_once(pay)) == count
        seconds = time.monotonic() - begun
        conflicts = sum(at_once(lambda _: pay_naively(loaded_network, each // 5)))
        report(
            f"{count} payments to one provider by {CLIENTS} submitters, a fifth of them claims, in {seconds:.1f} s: "
            f"{count / seconds:.0f} a second, again {dict(watch.again)}; "
            f"of {count // 5} naive ones {conflicts} met a conflict"
        )
        after = [world.owns(name) for name in ("alice", "platform", "peers")]
        assert [now - then for now, then in zip(after, before, strict=True)] == [count * part for part in SPLIT]
        assert watch.again["MVCC_READ_CONFLICT"] == 0
        assert conflicts > count // 50
        assert world.books() == (0, {})
        world.enact(
            SetFees(version=world.get(FeePolicy, state_keys.fee_policy()).version + 1, platform_ppm=0, peers_ppm=0)
        )


def opened(ledger: FabricLedger) -> World:
    """Return the ledger's world with fees, and with Alice in it."""
    world = world_on(ledger)
    version = world.get(FeePolicy, state_keys.fee_policy()).version + 1
    assert world.enact(SetFees(version=version, platform_ppm=50_000, peers_ppm=20_000)) == "applied"
    assert world.register("alice-pc", "alice", KEYS.alice) in {"applied", "provider_exists"}
    return world


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
