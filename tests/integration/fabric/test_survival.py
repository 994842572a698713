"""The whole topology under load while one process after the other is killed: `network watch` starts them again."""

import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.fabric.network import NodeRole
from deploy.fabric.nodes.chaincode import server_name
from deploy.paths import ROOT
from tests.support.fabric.load import Watch, deposits, world_on
from tests.support.fabric.network import FabricNetwork, processes, running_network
from tests.support.fabric.report import Report
from tests.support.ledger import World
from tests.support.waiting import wait_for

CLIENTS = 4
#: From the kill to a transaction that began afterwards and is committed, and to the process that runs again.
RECOVERED_SECONDS = 15


@dataclass
class Load:
    """Clients that each move their own account's money until they are told to stop."""

    network: FabricNetwork
    world: World
    watch: Watch = field(default_factory=Watch)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def accounts(self) -> list[str]:
        return [f"client-{number}" for number in range(CLIENTS)]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the clients while the block runs; what they did is on their accounts then."""
        for account_id in self.accounts:
            assert self.world.mint(account_id, 1) == "applied"
        with ThreadPoolExecutor(CLIENTS) as pool:
            made = [pool.submit(deposits, self.network, name, self._go_on, self.watch) for name in self.accounts]
            try:
                wait_for("the first transactions", lambda: self.watch.done > CLIENTS, 60)
                yield
            finally:
                self.ended.set()
        counts = [client.result() for client in made]
        assert [self.world.account(name).deposit for name in self.accounts] == counts
        assert sum(counts) == self.watch.done
        assert self.world.books() == (0, {})

    def _go_on(self) -> bool:
        return not self.ended.is_set()


@contextmanager
def watched(network: FabricNetwork) -> Iterator[None]:
    """Run `network watch` beside the block; when the network is stopped after that it ends, and starts nothing."""
    with subprocess.Popen(network.words("watch"), cwd=ROOT, stdout=subprocess.DEVNULL) as watching:
        try:
            yield
            assert network.command("down").returncode == 0
            assert watching.wait(60) == 0
            assert processes(network) == {}
        finally:
            watching.kill()


def victims(network: FabricNetwork, *, every: bool) -> list[str]:
    """Return who is killed: all orderers, for one of them leads; both chaincode servers; each organisation's peers."""
    made = network.network
    peers = [peer.name for name in made.organisations for peer in made.of(NodeRole.PEER, name)[: None if every else 1]]
    servers = [server_name(node, made.sequence) for node in made.of(NodeRole.CHAINCODE)]
    return [*(node.name for node in made.of(NodeRole.ORDERER)), *servers, *peers]


def killed(network: FabricNetwork, name: str, watch: Watch) -> tuple[float, float]:
    """Kill a process; return after how many seconds a transaction of afterwards was committed, and it ran again."""
    pid, begun = processes(network)[name], time.monotonic()
    network.operator.daemons.stop(name, kill=True)
    gone = time.monotonic()
    wait_for(f"a transaction after {name}", lambda: watch.newest > gone, RECOVERED_SECONDS)
    committed = time.monotonic() - begun
    wait_for(f"{name} to run again", lambda: processes(network).get(name, pid) != pid, RECOVERED_SECONDS)
    return committed, time.monotonic() - begun


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("fabric_programs")
@pytest.mark.parametrize("rounds", [1, pytest.param(3, marks=pytest.mark.long)])
def test_whatever_is_killed_under_load_nothing_is_lost_or_doubled(tmp_path: Path, report: Report, rounds: int) -> None:
    with running_network(tmp_path / "network") as network, network.ledger() as ledger, watched(network):
        assert len(network.network.of(NodeRole.ORDERER)) == 3
        assert len(network.network.of(NodeRole.PEER)) == 4
        load = Load(network, world_on(ledger))
        with load.running():
            for name in victims(network, every=rounds > 1) * rounds:
                committed, again = killed(network, name, load.watch)
                report(f"{name} killed: committed again after {committed:.1f} s, runs again after {again:.1f} s")
        report(f"{load.watch.done} transactions, none lost or doubled; again: {dict(load.watch.again)}")
