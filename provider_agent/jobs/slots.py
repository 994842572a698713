"""The agent's slots: which jobs run, how to stop them, and whether more may come."""

from collections.abc import Callable
from threading import Condition
from threading import Event as Flag


class Slots:
    """Room for so many jobs at one time. For all threads; `changed` is told after each change."""

    def __init__(self, count: int, changed: Callable[[], None]) -> None:
        self.count = count
        self._changed = changed
        self._running: dict[str, Flag] = {}
        self._condition = Condition()
        self._draining = False
        self._closed = False

    @property
    def is_draining(self) -> bool:
        """Whether no new jobs are taken any more."""
        return self._draining

    @property
    def free(self) -> int:
        """How many jobs could be taken now; none while the machine cannot run any."""
        with self._condition:
            return 0 if self._closed else self.count - len(self._running)

    @property
    def running(self) -> tuple[str, ...]:
        """Ids of jobs that were accepted and have not finished."""
        with self._condition:
            return tuple(self._running)

    def take(self, job_id: str) -> Flag:
        """Give a job a slot; the flag is set when it is to be stopped."""
        cancelled = Flag()
        with self._condition:
            self._running[job_id] = cancelled
        self._changed()
        return cancelled

    def leave(self, job_id: str) -> None:
        """Free a job's slot."""
        with self._condition:
            self._running.pop(job_id, None)
            self._condition.notify_all()
        self._changed()

    def cancel(self, job_id: str) -> bool:
        """Have a job stopped; False when it does not run."""
        with self._condition:
            cancelled = self._running.get(job_id)
        if cancelled:
            cancelled.set()
        return cancelled is not None

    def cancel_all(self) -> None:
        """Have all jobs stopped."""
        for job_id in self.running:
            self.cancel(job_id)

    def close(self, *, closed: bool) -> None:
        """Say whether this machine cannot run jobs at the moment."""
        if closed is not self._closed:
            self._closed = closed
            self._changed()

    def drain(self) -> None:
        """Take no new jobs from now on."""
        self._draining = True
        self._changed()

    def wait_until_empty(self, seconds: float) -> bool:
        """Wait for the last job to end, at most so long; return whether it has."""
        with self._condition:
            return self._condition.wait_for(lambda: not self._running, seconds)
