"""The processes of a network, stopped and started."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.errors import NotReady
from deploy.fabric.nodes.daemons import Daemon, Daemons
from deploy.servers.ports import free_ports, is_free

#: Its memory takes a while to be given back as it ends, and its port is let go of only after that.
_LISTENS = """
import signal, socket, sys
held = b"x" * 600_000_000
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    server.accept()[0].close()
"""


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[Daemons]:
    made = Daemons(tmp_path)
    yield made
    made.stop_all()


def listening(directory: Path, *arguments: str) -> Daemon:
    (port,) = free_ports(1)
    command = [sys.executable, "-c", _LISTENS, str(port), *arguments]
    return Daemon(name="listening", command=command, ports=[port], directory=directory)


@pytest.mark.parametrize("kill", [False, True])
def test_the_port_of_a_stopped_process_is_free_at_once(tmp_path: Path, daemons: Daemons, *, kill: bool) -> None:
    daemon = listening(tmp_path)
    for _ in range(3):
        daemons.start([daemon])
        assert daemons.stop(daemon.name, kill=kill)
        assert is_free(daemon.ports[0])


def test_the_ports_of_all_that_were_stopped_are_free_at_once(tmp_path: Path, daemons: Daemons) -> None:
    daemon = listening(tmp_path)
    for _ in range(3):
        daemons.start([daemon])
        assert daemons.stop_all() == 1
        assert is_free(daemon.ports[0])


def test_a_process_that_goes_on_is_named(tmp_path: Path, daemons: Daemons, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.fabric.nodes.daemons._STOP_SECONDS", 0.2)
    daemon = listening(tmp_path, "stubborn")
    daemons.start([daemon])

    with pytest.raises(NotReady, match=r"listening did not end in 0\.2 s"):
        daemons.stop(daemon.name)

    daemons.stop(daemon.name, kill=True)
