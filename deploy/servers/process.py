"""One program that we start: what it is, and the process that came of it."""

import os
import pwd
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from deploy.errors import DeployError, Missing, NotReady
from deploy.servers.marks import KILL_SECONDS, marks
from deploy.servers.ports import answers
from deploy.servers.waiting import wait_for

#: Ranks of what a marketplace consists of.
AGENTS, CONTROLLER, SERVERS = 0, 1, 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """What to start, and how to see that it is ready."""

    name: str
    command: Sequence[str | Path]
    #: It is ready when all of them answer; nobody else may listen there before.
    ports: Sequence[int] = ()
    #: Asked until it is true.
    ready: Callable[[], bool] = lambda: True
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

    @classmethod
    def launch(cls, program: Program, directory: Path, log: Path) -> Self:
        """Start a program that belongs to a directory.

        :raises Missing: when it is not installed.
        """
        place = program.directory or directory
        for needed in (place, log.parent):
            needed.mkdir(parents=True, exist_ok=True)
        try:
            with log.open("ab") as output:
                process = subprocess.Popen(  # noqa: S603 - the project's own list of programs
                    [str(part) for part in program.command],
                    cwd=place,
                    env={**os.environ, **program.environment, **marks(directory, program.name)},
                    user=program.user,
                    group=None if program.user is None else pwd.getpwnam(program.user).pw_gid,
                    extra_groups=None if program.user is None else [],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except FileNotFoundError as error:
            raise Missing(f"{program.name}: {error.filename} is not there") from error
        return cls(program=program, process=process, log=log)

    def ended(self) -> bool:
        """Return whether it is gone."""
        return self.process.poll() is not None

    def wait_ready(self) -> Self:
        """Return when it answers.

        :raises DeployError: when it ended instead, or did not answer in time.
        """
        name = self.program.name
        try:
            wait_for(f"{name} to start", lambda: self.ended() or self._answers(), self.program.start_seconds)
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
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(KILL_SECONDS)

    def _answers(self) -> bool:
        return self.program.ready() and all(answers(port) for port in self.program.ports)
