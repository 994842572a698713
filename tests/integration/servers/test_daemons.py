"""Processes that outlive the command that started them, stopped and started."""

import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.errors import NotReady
from deploy.servers.ports import free_ports, is_free
from deploy.servers.process import Program
from deploy.servers.supervisor import PortTaken, Supervisor

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
def daemons(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path, guarded=False)
    yield made
    made.stop_all()


def listening(directory: Path, *arguments: str) -> Program:
    (port,) = free_ports(1)
    command = [sys.executable, "-c", _LISTENS, str(port), *arguments]
    return Program(name="listening", command=command, ports=[port], directory=directory)


@pytest.mark.parametrize("kill", [False, True])
def test_the_port_of_a_stopped_process_is_free_at_once(tmp_path: Path, daemons: Supervisor, *, kill: bool) -> None:
    daemon = listening(tmp_path)
    for _ in range(3):
        daemons.start(daemon)
        assert daemons.stop(daemon.name, kill=kill)
        assert is_free(daemon.ports[0])


def test_the_ports_of_all_that_were_stopped_are_free_at_once(tmp_path: Path, daemons: Supervisor) -> None:
    daemon = listening(tmp_path)
    for _ in range(3):
        daemons.start(daemon)
        assert daemons.stop_all() == 1
        assert is_free(daemon.ports[0])


def test_a_process_that_goes_on_is_named(tmp_path: Path, daemons: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.servers.supervisor._STOP_SECONDS", 0.2)
    daemon = listening(tmp_path, "stubborn")
    daemons.start(daemon)

    with pytest.raises(NotReady, match=r"listening did not end in 0\.2 s"):
        daemons.stop(daemon.name)

    monkeypatch.undo()
    daemons.stop(daemon.name, kill=True)


def test_another_supervisor_finds_what_runs_and_starts_only_what_does_not(tmp_path: Path, daemons: Supervisor) -> None:
    daemon = listening(tmp_path)
    assert daemons.start(daemon) == ["listening"]
    pid = daemons.running()["listening"]

    other = Supervisor(tmp_path, guarded=False)

    assert other.start(daemon) == []
    assert other.running() == {"listening": pid}
    assert other.stop("listening")
    assert not daemons.stop("listening")


def test_nothing_is_started_where_a_port_is_anothers(tmp_path: Path, daemons: Supervisor) -> None:
    first, taken = listening(tmp_path), listening(tmp_path)
    with socket.create_server(("127.0.0.1", taken.ports[0])):
        with pytest.raises(PortTaken, match=f"port {taken.ports[0]}, which listening needs"):
            daemons.start(replace(first, name="first"), taken)

        assert daemons.running() == {}
