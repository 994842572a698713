"""Starting again what ends: `network watch`, for as long as the network is meant to run."""

import threading
from collections.abc import Callable

from deploy.errors import DeployError
from deploy.fabric.operator import Operator

#: How long it waits after a start that failed: twice as long each time.
_LONGEST_PAUSE = 30.0


class Supervision:
    """Looks after the processes of one network."""

    def __init__(self, operator: Operator, say: Callable[[str], None], every: float) -> None:
        self._operator = operator
        self._say = say
        self._every = every
        self._pause = every

    def run(self, ended: threading.Event) -> None:
        """Start what does not run, until told to end or until the network is stopped."""
        while not ended.wait(self._pause):
            if self._operator.stopped:
                self._say("the network was stopped: nothing is left to watch")
                return
            try:
                for name in self._operator.start_missing():
                    self._say(f"{name} had ended and runs again")
            except DeployError as error:
                self._pause = min(_LONGEST_PAUSE, self._pause * 2)
                self._say(f"{error}; the next try in {self._pause:g} s")
            else:
                self._pause = self._every
