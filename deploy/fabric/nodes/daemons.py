"""Processes that outlive the command that started them, found again by what they carry in their environment."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.errors import DeployError, Missing, NotReady
from deploy.servers.ports import answers, is_free
from deploy.servers.process import MARKER, handle_of, has_ended, marked_processes, send, stop_leftovers
from deploy.servers.waiting import wait_for

#: For peers and orderers: a tenth less processor time under load, for half as much memory again.
GARBAGE_COLLECTION = {"GOGC": "200"}
_NAME = "CHAINFAAS_PROGRAM"
_START_SECONDS = 60
_STOP_SECONDS = 60


class PortTaken(DeployError):
    """A port that a process of the network needs belongs to another program."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Daemon:
    """A process to be started."""

    name: str
    command: Sequence[str | Path]
    #: It is ready when all of them answer.
    ports: Sequence[int]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)


class Daemons:
    """The processes of one network."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        #: Those that this process started itself: it has to take note when they end.
        self._children: list[subprocess.Popen[bytes]] = []

    def running(self) -> dict[str, int]:
        """Return the process ids by name."""
        self._children = [child for child in self._children if child.poll() is None]
        return {name: pid for pid in marked_processes(self._root) if (name := _name_of(pid))}

    def log(self, name: str) -> Path:
        """Return where a process writes its log."""
        return self._root / "logs" / f"{name}.log"

    def start(self, daemons: Sequence[Daemon]) -> list[str]:
        """Start those that do not run, all at once; return their names when all answer.

        :raises PortTaken: when somebody else listens on a port; nothing is started then.
        :raises DeployError: when one ends, or does not answer in time.
        """
        running = self.running()
        missing = [daemon for daemon in daemons if daemon.name not in running]
        for daemon in missing:
            for port in daemon.ports:
                if not is_free(port):
                    raise PortTaken(
                        f"port {port}, which {daemon.name} needs, is in use by another program: stop that, "
                        "or make the network elsewhere with `--data DIRECTORY --free-ports`"
                    )
        processes = [(daemon, self._launch(daemon)) for daemon in missing]
        self._children += [process for _, process in processes]
        for daemon, process in processes:
            self._wait(daemon, process)
        return [daemon.name for daemon in missing]

    def stop(self, name: str, *, kill: bool = False) -> bool:
        """End one process, at once if asked; return whether it was there.

        :raises NotReady: when it goes on.
        """
        pid = self.running().get(name)
        handle = None if pid is None else handle_of(pid, self._root)
        if handle is None:
            return False
        try:
            send(handle, signal.SIGKILL if kill else signal.SIGTERM)
            if not has_ended(handle, _STOP_SECONDS):
                raise NotReady(f"{name} did not end in {_STOP_SECONDS} s", log=self.log(name))
        finally:
            os.close(handle)
        return True

    def stop_all(self) -> int:
        """End all processes of the network, and return how many there were."""
        count = stop_leftovers(self._root)
        for child in self._children:
            child.wait(_STOP_SECONDS)
        return count

    def _launch(self, daemon: Daemon) -> "subprocess.Popen[bytes]":
        log = self.log(daemon.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        daemon.directory.mkdir(parents=True, exist_ok=True)
        marks = {MARKER: str(self._root), _NAME: daemon.name}
        try:
            with log.open("ab") as output:
                return subprocess.Popen(  # noqa: S603 - the network's own programs
                    [str(part) for part in daemon.command],
                    cwd=daemon.directory,
                    env={**os.environ, **daemon.environment, **marks},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except FileNotFoundError as error:
            raise Missing(f"{daemon.name}: {error.filename} is not there") from error

    def _wait(self, daemon: Daemon, process: "subprocess.Popen[bytes]") -> None:
        log = self.log(daemon.name)
        try:
            wait_for(
                f"{daemon.name} to answer",
                lambda: process.poll() is not None or all(answers(port) for port in daemon.ports),
                _START_SECONDS,
            )
        except NotReady as error:
            raise NotReady(str(error), log=log) from error
        if process.poll() is not None:
            raise DeployError(f"{daemon.name} ended with status {process.returncode} as it started", log=log)


def _name_of(pid: int) -> str:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return ""
    marks = (item.partition(b"=") for item in environment.split(b"\0"))
    return next((value.decode() for key, _, value in marks if key == _NAME.encode()), "")
