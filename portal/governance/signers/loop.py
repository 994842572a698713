"""The loop of a signer's process, its health and its metrics."""

import logging
import threading
import time
from collections.abc import Sequence

from django.db import Error as DatabaseError
from django.db import connection
from prometheus_client import CollectorRegistry, Counter

from portal.governance.signers.signer import Signer

log = logging.getLogger(__name__)

#: How long an idle loop waits: a little longer each time.
SHORTEST_WAIT = 0.05
LONGEST_WAIT = 0.5
#: How long it waits after a failure: twice as long each time.
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
#: Without a successful turn for so long, the process says that it is not well.
_HEALTHY_FOR = 15.0


class SignerLoop:
    """One thread that turns the signers of a process."""

    def __init__(self, signers: Sequence[Signer]) -> None:
        self._signers = tuple(signers)
        self._stop = threading.Event()
        self._wait = SHORTEST_WAIT
        self._pause = FIRST_PAUSE
        self._succeeded = time.monotonic()
        self.registry = CollectorRegistry()
        self._turns = Counter(
            "chainfaas_signer_busy_turns", "Turns in which something was signed or given up.", registry=self.registry
        )
        self._failures = Counter(
            "chainfaas_signer_failures",
            "Turns that failed and were tried again, by error.",
            ["error"],
            registry=self.registry,
        )

    def stop(self) -> None:
        """End after the turn that is under way."""
        self._stop.set()

    def health(self) -> tuple[bool, dict[str, object]]:
        """Return whether turns succeed, and which signers take part."""
        age = time.monotonic() - self._succeeded
        names = [signer.name for signer in self._signers]
        return age < _HEALTHY_FOR, {"seconds_since_last_turn": round(age, 3), "signers": names}

    def run(self) -> None:
        """Work until stopped."""
        while not self._stop.is_set():
            try:
                # Each of them has its turn: `any` would stop at the first that worked.
                worked = sum(signer.step() for signer in self._signers) > 0
            except DatabaseError as error:
                connection.close()
                self._failed(error)
            else:
                self._pause = FIRST_PAUSE
                self._succeeded = time.monotonic()
                self._idle(worked=worked)

    def _idle(self, *, worked: bool) -> None:
        if worked:
            self._turns.inc()
            self._wait = SHORTEST_WAIT
        self._stop.wait(self._wait)
        self._wait = min(LONGEST_WAIT, self._wait * 1.5)

    def _failed(self, error: Exception) -> None:
        log.warning("signer.turn_failed", extra={"error": f"{type(error).__name__}: {error}", "pause_s": self._pause})
        self._failures.labels(error=type(error).__name__).inc()
        self._stop.wait(self._pause)
        self._pause = min(LONGEST_PAUSE, self._pause * 2)
