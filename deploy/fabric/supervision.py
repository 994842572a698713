"""Starting again what ends: `network watch` and `peer watch`, for as long as it is meant to run."""

import signal
import threading
from collections.abc import Callable
from typing import Protocol

from deploy.errors import DeployError

#: How long it waits after a start that failed: twice as long each time.
_LONGEST_PAUSE = 30.0


class Watched(Protocol):
    """Processes of one directory: a network's, or an operator's own peer's."""

    @property
    def stopped(self) -> bool:
        """Whether they are meant not to run, or are gone for good."""

    def start_missing(self) -> list[str]:
        """Start the processes that ended, and return their names.

        :raises DeployError: when one does not start.
        """


class Supervision:
    """Looks after the processes of one directory."""

    def __init__(self, watched: Watched, say: Callable[[str], None], every: float) -> None:
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


def watch(watched: Watched, say: Callable[[str], None], every: float) -> None:
    """Look after some processes until SIGTERM or SIGINT, or until they are stopped."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    Supervision(watched, say, every).run(ended)
