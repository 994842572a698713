"""What a network and an operator's own peer have in common: processes of one directory, started again if they end."""

import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Protocol

from deploy import files
from deploy.errors import DeployError
from deploy.fabric import network
from deploy.fabric.network import Network, Places
from deploy.fabric.tools import Tools
from deploy.servers.process import Program
from deploy.servers.supervisor import Supervisor

#: How long it waits after a start that failed: twice as long each time.
_LONGEST_PAUSE = 30.0

Say = Callable[[str], None]


class Watched(Protocol):
    """Processes that are meant to run, until they are not."""

    @property
    def stopped(self) -> bool:
        """Whether they are meant not to run, or are gone for good."""

    def start_missing(self) -> list[str]:
        """Start the processes that ended, and return their names.

        :raises DeployError: when one does not start.
        """


class Processes(ABC, Watched):
    """The processes of one directory; they outlive the commands that start and stop them."""

    #: What to say where there is nothing.
    nothing: ClassVar[str]

    def __init__(self, root: Path, tools: Tools, say: Say) -> None:
        self.places = Places(root=root)
        self.daemons = Supervisor(root, guarded=False)
        self._tools = tools
        self._say = say

    @abstractmethod
    def programs(self) -> list[Program]:
        """Return what is meant to run, as it was started at first."""

    def build(self) -> None:
        """Build Fabric's programs where they are not built.

        :raises Missing: when what builds them is not installed.
        """
        self._tools.build(self._say)

    def network(self) -> Network:
        """Return the description of the nodes.

        :raises DeployError: when none was made.
        """
        found = network.load(self.places)
        if found is None:
            raise DeployError(self.nothing.format(root=self.places.root))
        return found

    @property
    def stopped(self) -> bool:
        """Whether they are meant not to run, or were removed."""
        return self.places.stopped.exists() or network.load(self.places) is None

    def start_missing(self) -> list[str]:
        """Start the processes that ended, and return their names; nothing else is done.

        :raises DeployError: when one does not start.
        """
        with files.alone(self.places.root):
            # They may have been removed while this waited for its turn.
            return [] if self.stopped else self.daemons.start(*self.programs())

    def down(self) -> int:
        """Stop everything and return how many processes there were; data and keys stay."""
        if network.load(self.places) is None:
            return self.daemons.stop_all()
        files.write(self.places.stopped, b"")
        with files.alone(self.places.root):
            return self.daemons.stop_all()


class Supervision:
    """Looks after the processes of one directory."""

    def __init__(self, watched: Watched, say: Say, every: float) -> None:
        self._watched = watched
        self._say = say
        self._every = every
        self._pause = every

    def run(self, ended: threading.Event) -> None:
        """Start what does not run, until told to end or until they are stopped."""
        while not ended.wait(self._pause):
            if self._is_over():
                self._say("stopped: nothing is left to watch")
                return
            try:
                for name in self._watched.start_missing():
                    self._say(f"{name} had ended and runs again")
            # The disk may be full, and a directory that is removed goes file by file.
            except (DeployError, OSError) as error:
                if self._is_over():
                    continue
                self._pause = min(_LONGEST_PAUSE, self._pause * 2)
                self._say(f"{error}; the next try in {self._pause:g} s")
            else:
                self._pause = self._every

    def _is_over(self) -> bool:
        return self._watched.stopped


def watch(watched: Watched, say: Say, every: float) -> None:
    """Look after some processes until SIGTERM or SIGINT, or until they are stopped."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    Supervision(watched, say, every).run(ended)
