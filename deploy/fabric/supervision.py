"""What a network and an operator's own peer have in common: processes of one directory, started again if they end."""

import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from deploy import files
from deploy.errors import DeployError
from deploy.fabric import network
from deploy.fabric.network import Network, Places
from deploy.fabric.tools import FabricTools
from deploy.servers.process import Program
from deploy.servers.supervisor import Supervisor

#: How long it waits after a start that failed: twice as long each time.
_LONGEST_PAUSE = 30.0

Say = Callable[[str], None]


class Processes(ABC):
    """The processes of one directory; they outlive the commands that start and stop them."""

    #: What to say where there is nothing.
    nothing: ClassVar[str]

    def __init__(self, root: Path, tools: FabricTools, say: Say) -> None:
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


def watch(processes: Processes, say: Say, every: float) -> None:
    """Look after some processes until SIGTERM or SIGINT, or until they are stopped.

    :raises DeployError: when none were made.
    """
    processes.network()
    say(f"watches the processes of {processes.places.root}")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    look_after(processes, say, every, ended)


def look_after(processes: Processes, say: Say, every: float, ended: threading.Event) -> None:
    """Start what does not run, until told to end or until they are stopped."""
    pause = every
    while not ended.wait(pause):
        if processes.stopped:
            say("stopped: nothing is left to watch")
            return
        try:
            for name in processes.start_missing():
                say(f"{name} had ended and runs again")
            pause = every
        # The disk may be full, and a directory that is removed goes file by file.
        except (DeployError, OSError) as error:
            if not processes.stopped:
                pause = min(_LONGEST_PAUSE, pause * 2)
                say(f"{error}; the next try in {pause:g} s")
