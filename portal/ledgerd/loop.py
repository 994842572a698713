"""The loop of recorder and follower: submit, follow at once, and wait when there is nothing to do.

Answers and blocks wake it; the outbox it looks into again after a little while.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from django.db import Error as DatabaseError
from django.db import connection

from ledger.errors import LedgerError, Retry
from portal.books.errors import BookmarkMoved
from portal.books.follower import Follower
from portal.ledgerd.metrics import LedgerMetrics
from portal.outbox.recorder import Recorder

log = logging.getLogger(__name__)

#: How long an idle loop waits before it looks into the outbox again: a little longer each time.
SHORTEST_WAIT = 0.005
LONGEST_WAIT = 0.020
#: How long it waits after a failure: twice as long each time.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
#: So soon a pause ends when the process is to stop.
_SLICE = 0.05
_MEASURE_EVERY = 5.0
#: Without a successful turn for so long, the process says that it is not well.
_HEALTHY_FOR = 15.0


class LedgerLoop:
    """One thread that does all of the ledger's work."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        follower: Follower,
        errands: Sequence[Callable[[], bool]],
        metrics: LedgerMetrics,
        bell: threading.Event,
    ) -> None:
        self._recorder = recorder
        self._follower = follower
        #: What is done at the end of each turn, if it is time; each tells whether it did anything.
        self._errands = errands
        self._metrics = metrics
        #: Rung by whoever has something to do for the loop.
        self._bell = bell
        #: Plain, for a signal's handler sets it in the middle of anything: an event would wait for its own lock.
        self._stopped = False
        self._wait = SHORTEST_WAIT
        self._pause = FIRST_PAUSE
        self._measured = 0.0
        self._succeeded = time.monotonic()

    def stop(self) -> None:
        """End after the turn that is under way."""
        self._stopped = True

    def health(self) -> tuple[bool, dict[str, object]]:
        """Return whether turns succeed, and how long ago the last one did."""
        age = time.monotonic() - self._succeeded
        return age < _HEALTHY_FOR, {"seconds_since_last_turn": round(age, 3)}

    def run(self) -> None:
        """Work until stopped.

        :raises Superseded: when another process has taken over.
        :raises LedgerDamaged: when the ledger's blocks do not fit together.
        """
        while not self._stopped:
            # Before the turn: what rings during it is not lost.
            self._bell.clear()
            try:
                worked = self._turn()
            except (DatabaseError, BookmarkMoved) as error:
                connection.close()
                self._failed(error)
            except LedgerError as error:
                if error.retry is Retry.NEVER:
                    raise
                self._failed(error)
            else:
                self._pause = FIRST_PAUSE
                self._succeeded = time.monotonic()
                self._idle(worked=worked)

    def _turn(self) -> bool:
        recorded = self._recorder.step()
        followed = self._follower.step()
        if time.monotonic() - self._measured >= _MEASURE_EVERY:
            self._metrics.measure_outbox()
            self._metrics.block.set(self._follower.block)
            self._measured = time.monotonic()
        ran = [errand() for errand in self._errands]
        return recorded or followed or any(ran)

    def _idle(self, *, worked: bool) -> None:
        if worked:
            self._wait = SHORTEST_WAIT
            return
        if not self._stopped:
            self._bell.wait(self._wait)
        self._wait = min(LONGEST_WAIT, self._wait * 1.5)

    def _failed(self, error: Exception) -> None:
        log.warning("ledger.turn_failed", extra={"error": f"{type(error).__name__}: {error}", "pause_s": self._pause})
        self._metrics.failures.labels(error=type(error).__name__).inc()
        until = time.monotonic() + self._pause
        while not self._stopped and time.monotonic() < until:
            time.sleep(min(_SLICE, self._pause))
        self._pause = min(LONGEST_PAUSE, self._pause * 2)
