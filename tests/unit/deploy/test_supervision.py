"""`watch` starts again what ends, and itself ends when there is nothing left to watch."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.fabric import network as networks
from deploy.fabric.network import Network, Places
from deploy.fabric.operator import NetworkOperator
from deploy.fabric.supervision import Processes, look_after
from deploy.fabric.tools import FabricTools
from deploy.servers.process import Program
from peer_operator.home import OperatorHome
from peer_operator.peer import JoinedPeer
from tests.support.waiting import wait_for

EMPTY = Network(channel="c", host="127.0.0.1", max_transactions=1, timeout="1s", users={}, nodes=())


class Failing(NetworkOperator):
    """A network whose processes cannot be started for a while."""

    def __init__(self, root: Path, *errors: Exception) -> None:
        super().__init__(root, FabricTools(directory=root), print)
        self.errors = list(errors)
        self.looks = 0

    @property
    def stopped(self) -> bool:
        return self.looks > 2

    def start_missing(self) -> list[str]:
        self.looks += 1
        if self.errors:
            raise self.errors.pop(0)
        return ["peer"]


class Sleeping(JoinedPeer):
    """An operator's peer that is one process, which does nothing."""

    def programs(self) -> list[Program]:
        command = [sys.executable, "-c", "import signal; signal.pause()"]
        return [Program(name="attester", command=command, ports=[], directory=self.home.root)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    root = tmp_path / "network"
    networks.save(Places(root=root), EMPTY)
    return root


@pytest.fixture
def watching() -> Iterator[Callable[[Processes], list[str]]]:
    """Watch something on a thread; return what was said so far. It has to end by itself."""
    ended = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        runs = []

        def watch(processes: Processes) -> list[str]:
            said: list[str] = []
            runs.append(pool.submit(look_after, processes, said.append, 0.01, ended))
            return said

        yield watch
        try:
            assert [run.result(30) for run in runs] == [None]
        finally:
            ended.set()


def test_a_directory_that_goes_away_under_it_is_no_crash(
    tmp_path: Path, watching: Callable[[Processes], list[str]]
) -> None:
    said = watching(Failing(tmp_path, FileNotFoundError("network/.lock")))

    wait_for("the end", lambda: len(said) == 4, 30)

    assert said[0] == "network/.lock; the next try in 0.02 s"
    assert said[1:] == ["peer had ended and runs again"] * 2 + ["stopped: nothing is left to watch"]


def test_what_fails_because_the_directory_went_away_is_not_told(
    tmp_path: Path, watching: Callable[[Processes], list[str]]
) -> None:
    watched = Failing(tmp_path, FileNotFoundError("network/.lock"))
    watched.looks = 2
    said = watching(watched)

    wait_for("the end", lambda: said, 30)

    assert said == ["stopped: nothing is left to watch"]


def test_nothing_is_started_in_a_directory_whose_network_is_gone(tmp_path: Path) -> None:
    assert NetworkOperator(tmp_path, FabricTools(directory=tmp_path), print).start_missing() == []


def test_a_watch_ends_when_the_network_is_reset(place: Path, watching: Callable[[Processes], list[str]]) -> None:
    operator = NetworkOperator(place, FabricTools(directory=place), print)
    (place / "nodes").mkdir()
    said = watching(operator)

    operator.reset()
    wait_for("the end", lambda: said, 30)

    assert said == ["stopped: nothing is left to watch"]
    assert not place.exists()


def test_an_operators_attester_that_dies_runs_again(place: Path, watching: Callable[[Processes], list[str]]) -> None:
    peer = Sleeping(OperatorHome(root=place), FabricTools(directory=place), print)
    said = watching(peer)
    wait_for("the attester", lambda: said, 30)
    first = peer.daemons.running()["attester"]

    assert peer.daemons.stop("attester", kill=True)
    wait_for("another attester", lambda: len(said) == 2, 30)

    assert peer.daemons.running()["attester"] != first
    assert peer.down() == 1
    assert (peer.stopped, peer.start_missing()) == (True, [])
