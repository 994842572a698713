"""Compares books, ledger and read model each minute, beside the loop and without stopping it."""

import logging
import threading
import time

from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from ledger.errors import LedgerError
from ledger.ports import LedgerReader
from portal.books.audit.oversight import note
from portal.books.audit.reconcile import Reconciliation, StillMoving, Survey, confirm
from portal.books.audit.rounds import Rounds
from portal.ledgerd.metrics import LedgerMetrics

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 60.0
#: Between two parts of a survey, so that the loop gets its turn.
_BREATH_SECONDS = 0.01
#: Before a difference is believed.
_SECOND_LOOK_SECONDS = 0.3


class Auditor:
    """Surveys on a thread of its own; the loop confirms what it found between two of its turns."""

    def __init__(self, *, ledger: LedgerReader, metrics: LedgerMetrics, interval: float = INTERVAL_SECONDS) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._interval = interval
        self._stop = threading.Event()
        self._rounds = Rounds(ledger, breathe=self._breathe)
        self._surveyed: Survey | None = None
        self._thread = threading.Thread(target=self._run, name="auditor", daemon=True)
        self.last: Reconciliation | None = None

    def start(self) -> None:
        """Begin to survey."""
        self._thread.start()

    def stop(self) -> None:
        """End, once the survey that is under way has noticed."""
        self._stop.set()
        self._thread.join()

    def step(self) -> bool:
        """Confirm what the last survey found, if there is one; return whether that was so.

        Called by the loop at the end of a turn: nothing moves then but by its own hand.
        """
        surveyed, self._surveyed = self._surveyed, None
        if surveyed is None:
            return False
        try:
            self.last = confirm(self._ledger, surveyed, tries=1, wait=lambda: self._stop.wait(_SECOND_LOOK_SECONDS))
        except StillMoving:
            self._surveyed = surveyed
            return False
        self._report(self.last)
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._surveyed = self._rounds.next(self._suspects())
            except _Stopped:
                break
            except (DatabaseError, LedgerError) as error:
                log.warning("ledger.survey_failed", extra={"error": str(error)})
                self._metrics.failures.labels(error=type(error).__name__).inc()
            finally:
                connection.close()
            self._stop.wait(self._interval)

    def _suspects(self) -> tuple[str, ...]:
        """Return what looked different and was not confirmed, and what was confirmed and may be so still."""
        waiting, last = self._surveyed, self.last
        return (*(waiting.suspect_keys if waiting else ()), *(last.differing_keys if last else ()))

    def _breathe(self) -> None:
        if self._stop.wait(_BREATH_SECONDS):
            raise _Stopped

    def _report(self, found: Reconciliation) -> None:
        self._metrics.drift.set(found.drift_micro)
        self._metrics.differing_keys.set(len(found.differing_keys))
        self._metrics.reconciled_at.set(time.time())
        self._metrics.measure_reservations()
        note(found, now=timezone.now())
        details = {"block": found.block, "keys": found.keys, "drift_micro": found.drift_micro}
        if found.is_clean:
            log.info("ledger.reconciled", extra=details)
            return
        log.error(
            "ledger.drift",
            extra={
                **details,
                "supply_drift_micro": found.supply_drift_micro,
                "differing_keys": found.differing_keys[:10],
                "differing_accounts": found.differing_accounts[:10],
            },
        )


class _Stopped(Exception):
    """The process ends; the survey under way is dropped."""
