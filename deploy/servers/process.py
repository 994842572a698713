"""Programs that we start, watch and stop; and the ones that a killed start has left behind.

Each program, and whatever it starts, carries the marker variable with the path of its directory in its environment.
That is its identity: a process is stopped only while it holds our marker, so a reused process id is never mistaken.
"""

import os
import pwd
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.errors import DeployError, Missing, NotReady
from deploy.servers.waiting import wait_for

MARKER = "CHAINFAAS_SUPERVISED_IN"
#: Ranks of what a marketplace consists of.
AGENTS, CONTROLLER, SERVERS = 0, 1, 2
#: How long what was asked to end may take before it is killed, and what was killed before something is wrong.
_ASK_SECONDS, _KILL_SECONDS = 10, 60
_RUN_SECONDS = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """What to start, and how to see that it is ready."""

    name: str
    command: Sequence[str | Path]
    #: Asked until it is true.
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    #: Where it runs; the supervisor's directory when not given.
    directory: Path | None = None
    #: Who it runs as; ourselves when not given.
    user: str | None = None
    start_seconds: float = 120
    #: How long it may take to end by itself before it is killed.
    stop_seconds: float = 10
    stop_signal: signal.Signals = signal.SIGTERM
    #: Lower ranks are stopped first, since they need the higher ones; all of one rank at the same time.
    rank: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A started program."""

    program: Program
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def ended(self) -> bool:
        """Return whether it is gone."""
        return self.process.poll() is not None

    def wait_ready(self) -> Self:
        """Return when it answers.

        :raises DeployError: when it ended instead, or did not answer in time.
        """
        name = self.program.name
        try:
            wait_for(f"{name} to start", lambda: self.ended() or self.program.ready(), self.program.start_seconds)
        except NotReady as error:
            raise NotReady(str(error), log=self.log) from error
        if self.ended():
            raise DeployError(f"{name} ended with status {self.process.returncode} as it started", log=self.log)
        return self

    def ask_to_end(self) -> None:
        """Send its stop signal."""
        if not self.ended():
            self.process.send_signal(self.program.stop_signal)

    def wait_ended(self) -> None:
        """Wait until it has ended; kill it when it takes too long."""
        try:
            self.process.wait(self.program.stop_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it and its children at once, as a crash would."""
        if not self.ended():
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(_KILL_SECONDS)


class Supervisor:
    """Starts programs under one directory and stops them all; a guard does so when we ourselves are killed.

    What carries the marker of one of the `others` is started elsewhere, and ends with them.
    """

    def __init__(self, directory: Path, *others: Path) -> None:
        self.directory = directory.resolve()
        self._others = others
        self.logs = self.directory / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.running: list[Running] = []
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop_all()

    def launch(self, program: Program) -> Running:
        """Start a program; `wait_ready` of the answer tells when it answers.

        :raises Missing: when it is not installed.
        """
        self._start_guard()
        log = self.logs / f"{program.name}.log"
        try:
            with log.open("ab") as output:
                process = subprocess.Popen(  # noqa: S603 - the project's own list of programs
                    [str(part) for part in program.command],
                    cwd=program.directory or self.directory,
                    env={**os.environ, **program.environment, MARKER: str(self.directory)},
                    user=program.user,
                    group=_group_of(program.user),
                    extra_groups=None if program.user is None else [],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except FileNotFoundError as error:
            raise Missing(f"{program.name}: {error.filename} is not there") from error
        running = Running(program=program, process=process, log=log)
        self.running.append(running)
        return running

    def start(self, program: Program) -> Running:
        """Start a program and return when it answers.

        :raises DeployError: when it does not.
        """
        return self.launch(program).wait_ready()

    def run(self, program: Program) -> str:
        """Run a program to its end, and return what it wrote.

        :raises DeployError: when it fails or takes too long.
        """
        log = self.logs / f"{program.name}.log"
        before = log.stat().st_size if log.exists() else 0
        self.finish(self.launch(program))
        return log.read_bytes()[before:].decode(errors="replace")

    def finish(self, running: Running) -> None:
        """Wait until a program has come to its end.

        :raises DeployError: when it fails or takes too long.
        """
        name = running.program.name
        try:
            status = running.process.wait(_RUN_SECONDS)
        except subprocess.TimeoutExpired as error:
            self.stop(running)
            raise NotReady(f"{name} took longer than {_RUN_SECONDS} s", log=running.log) from error
        self.running.remove(running)
        if status:
            raise DeployError(f"{name} failed with status {status}", log=running.log)

    def dead(self) -> Running | None:
        """Return a program that has ended although nobody stopped it."""
        return next((item for item in self.running if item.ended()), None)

    def stop(self, running: Running) -> None:
        """Stop one program."""
        running.ask_to_end()
        running.wait_ended()
        self.running.remove(running)

    def stop_all(self) -> None:
        """Stop everything, rank by rank."""
        for rank in sorted({item.program.rank for item in self.running}):
            leaving = [item for item in self.running if item.program.rank == rank]
            for item in leaving:
                item.ask_to_end()
            for item in leaving:
                item.wait_ended()
                self.running.remove(item)
        for directory in (self.directory, *self._others):
            stop_leftovers(directory, but=self._guard.pid if self._guard else None)
        if self._guard and self._guard.stdin:
            self._guard.stdin.close()
            self._guard.wait(_KILL_SECONDS)
            self._guard = None

    def _start_guard(self) -> None:
        if self._guard is None:
            self._guard = subprocess.Popen(  # noqa: S603 - this module
                [sys.executable, "-m", "deploy.servers.process", self.directory, *self._others],
                cwd=Path(__file__).parents[2],
                env={**os.environ, MARKER: str(self.directory)},
                stdin=subprocess.PIPE,
                start_new_session=True,
            )


def stop_leftovers(directory: Path, *, but: int | None = None) -> int:
    """End every process that still carries the marker of `directory`, and return how many there were."""
    found = 0
    for number, seconds in ((signal.SIGTERM, _ASK_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
        pids = [pid for pid in marked_processes(directory) if pid not in (os.getpid(), but)]
        handles = [handle for pid in pids if (handle := handle_of(pid, directory)) is not None]
        found = found or len(handles)
        for handle in handles:
            send(handle, number)
        end = time.monotonic() + seconds
        for handle in handles:
            has_ended(handle, end - time.monotonic())
            os.close(handle)
    return found


def send(handle: int, number: signal.Signals) -> None:
    """Send a signal to the process of a handle (`os.pidfd_open`), if it has not ended."""
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, number)


def has_ended(handle: int, seconds: float) -> bool:
    """Wait until the process of a handle has let go of all that it held; return whether it has.

    A process that ends loses its environment, and so its marker, a while before its ports are free.
    """
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(max(seconds, 0) * 1_000))


def marked_processes(directory: Path) -> Iterator[int]:
    """Yield the ids of all living processes that carry the marker of `directory`."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and _is_marked(int(entry.name), directory):
            yield int(entry.name)


def handle_of(pid: int, directory: Path) -> int | None:
    """Open a handle of a process, to be closed by the caller; None when it is gone or lacks the marker."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    # Looked at again while the handle is open: from here on the id cannot belong to another process.
    if _is_marked(pid, directory):
        return handle
    os.close(handle)
    return None


def _is_marked(pid: int, directory: Path) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{MARKER}={directory.resolve()}".encode() in environment.split(b"\0")


def _group_of(user: str | None) -> int | None:
    return None if user is None else pwd.getpwnam(user).pw_gid


def _guard(directories: Sequence[Path]) -> None:
    """Wait until the supervisor's end of the pipe closes, however it ended, and stop what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    for directory in directories:
        stop_leftovers(directory, but=os.getpid())


if __name__ == "__main__":
    _guard([Path(argument) for argument in sys.argv[1:]])
