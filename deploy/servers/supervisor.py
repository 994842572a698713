"""The processes of one directory: started, known again, watched and stopped."""

import signal
import subprocess
from pathlib import Path
from typing import Self

from deploy.errors import DeployError, NotReady
from deploy.servers.guard import start_guard
from deploy.servers.marks import KILL_SECONDS, end, named_processes, stop_leftovers
from deploy.servers.ports import is_free
from deploy.servers.process import Program, Running

_RUN_SECONDS = 120
_STOP_SECONDS = 60


class PortTaken(DeployError):
    """A port that a program needs belongs to another program."""


class Supervisor:
    """Starts programs under one directory and stops them all.

    Guarded, they end when we end, even if we are killed; else they outlive us, and another supervisor of the directory
    finds them. What carries the mark of one of the `others` is started elsewhere, and ends with them.
    """

    def __init__(self, directory: Path, *others: Path, guarded: bool = True) -> None:
        self.directory = directory.resolve()
        #: What this supervisor itself has started and nobody stopped.
        self.started: list[Running] = []
        self._others = others
        self._guarded = guarded
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_ended: object) -> None:
        self.stop_all()

    def log(self, name: str) -> Path:
        """Return where a program writes its log."""
        return self.directory / "logs" / f"{name}.log"

    def running(self) -> dict[str, int]:
        """Return the ids of the directory's processes by name, whoever started them."""
        return named_processes(self.directory)

    def launch(self, program: Program) -> Running:
        """Start a program; `wait_ready` of the answer tells when it answers.

        :raises Missing: when it is not installed.
        """
        if self._guarded and self._guard is None:
            self._guard = start_guard(self.directory, *self._others)
        running = Running.launch(program, self.directory, self.log(program.name))
        self._forget(program.name)
        self.started.append(running)
        return running

    def start(self, *programs: Program) -> list[str]:
        """Start those that do not run, all at once; return their names when all answer.

        :raises PortTaken: when somebody else listens on a port; nothing is started then.
        :raises DeployError: when one ends, or does not answer in time.
        """
        running = self.running()
        missing = [program for program in programs if program.name not in running]
        for program in missing:
            for port in program.ports:
                if not is_free(port):
                    raise PortTaken(f"port {port}, which {program.name} needs, is in use by another program")
        for item in [self.launch(program) for program in missing]:
            item.wait_ready()
        return [program.name for program in missing]

    def run(self, program: Program) -> str:
        """Run a program to its end, and return what it wrote.

        :raises DeployError: when it fails or takes too long.
        """
        log = self.log(program.name)
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
            running.ask_to_end()
            running.wait_ended()
            raise NotReady(f"{name} took longer than {_RUN_SECONDS} s", log=running.log) from error
        finally:
            self._forget(name)
        if status:
            raise DeployError(f"{name} failed with status {status}", log=running.log)

    def dead(self) -> Running | None:
        """Return a program that has ended although nobody stopped it."""
        return next((item for item in self.started if item.ended()), None)

    def stop(self, name: str, *, kill: bool = False) -> bool:
        """End one process, at once if asked; return whether it was there.

        :raises NotReady: when it goes on.
        """
        pid = self.running().get(name)
        if pid is None:
            return False
        if not end(pid, self.directory, signal.SIGKILL if kill else signal.SIGTERM, _STOP_SECONDS):
            raise NotReady(f"{name} did not end in {_STOP_SECONDS} s", log=self.log(name))
        self._forget(name)
        return True

    def stop_all(self) -> int:
        """Stop everything, rank by rank, and return how many processes there were."""
        count = 0
        for rank in sorted({item.program.rank for item in self.started}):
            leaving = [item for item in self.started if item.program.rank == rank]
            count += sum(not item.ended() for item in leaving)
            for item in leaving:
                item.ask_to_end()
            for item in leaving:
                item.wait_ended()
        self.started.clear()
        own = self._guard.pid if self._guard else None
        count += sum(stop_leftovers(directory, but=own) for directory in (self.directory, *self._others))
        if self._guard and self._guard.stdin:
            self._guard.stdin.close()
            self._guard.wait(KILL_SECONDS)
            self._guard = None
        return count

    def _forget(self, name: str) -> None:
        """Take note of the end of a program's process, so that the system does too."""
        self.started = [item for item in self.started if item.program.name != name or not item.ended()]
