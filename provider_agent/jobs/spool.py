"""Reports on their way to the controller: written down, sent, and sent again until it acknowledges them."""

import logging
import random
from collections.abc import Callable
from threading import Event as Flag
from threading import Thread

from provider_agent.jobs.journal import Journal, JournalUnusable
from provider_agent.ports import AgentBroker, Clock
from wire.envelope import dump, parse
from wire.messages import Finished, JobRefused

log = logging.getLogger(__name__)

Report = Finished | JobRefused

#: Reports beyond these bounds are not taken on: the agent has no free slot until some were acknowledged.
REPORTS_MAX, BYTES_MAX = 10_000, 1 << 30
#: The first repetition, doubled each time up to the last.
_FIRST_MS, _LAST_MS = 5_000, 300_000
_AT_ONCE = 100
_TICK_SECONDS = 1.0
#: A job is forgotten so long after it could be paid.
_FORGET_MS = 3_600_000
_FORGET_EVERY_MS = 60_000


class Spool:
    """Sends each report at least once, and again with growing pauses. Its thread runs from `start` to `stop`."""

    def __init__(
        self, journal: Journal, broker: AgentBroker, clock: Clock, *, jitter: Callable[[], float] = random.random
    ) -> None:
        self._journal = journal
        self._broker = broker
        self._clock = clock
        self._jitter = jitter
        self._wake = Flag()
        self._stopping = False
        self._forget_at_ms = 0
        self._thread = Thread(target=self._run, name="spool", daemon=True)

    def start(self) -> None:
        """Begin to send again what waits."""
        self._thread.start()

    def stop(self) -> None:
        """Stop sending; what waits stays in the journal."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def is_full(self) -> bool:
        """Return whether no more reports should be taken on."""
        count, size = self._journal.waiting()
        return count >= REPORTS_MAX or size >= BYTES_MAX

    def report(self, report: Report) -> None:
        """Write down how a job of the journal ended, and send it. If it cannot be written down it is sent once.

        The first report of a job is its only one: a second would contradict it over the same signature.
        """
        try:
            next_at_ms = self._clock() + self.pause_ms(1)
            if not self._journal.report(
                report.job_id, dump(report), next_at_ms=next_at_ms, receipt=_claimable_receipt(report)
            ):
                return
        except JournalUnusable as error:
            log.error("spool.unusable", extra={"job_id": report.job_id, "cause": str(error)})  # noqa: TRY400 - the cause is enough
        self._broker.publish(report)

    def refuse(self, refused: JobRefused, *, ticket: str, pay_until_ms: int) -> None:
        """Write down that a job is not taken, and say so."""
        self._journal.refuse(
            refused.job_id,
            dump(refused),
            ticket=ticket,
            pay_until_ms=pay_until_ms,
            next_at_ms=self._clock() + self.pause_ms(1),
        )
        self._broker.publish(refused)

    def send_again(self, job_id: str) -> None:
        """Send a job's report once more, now."""
        entry = self._journal.find(job_id)
        if entry and entry.report is not None:
            self._send(entry.report)

    def connected(self) -> None:
        """Send all that waits: what was sent before the connection broke may be lost."""
        self._journal.all_due()
        self._wake.set()

    def acknowledged(self, job_id: str, acknowledgement: str | None = None) -> None:
        """Drop a report that the controller has; its word for that is kept, in case it does not pay."""
        if self._journal.acknowledge(job_id, acknowledgement):
            log.info("result.acknowledged", extra={"job_id": job_id})

    def pause_ms(self, attempts: int) -> int:
        """Return how long to wait after so many attempts: doubling, with up to a quarter of chance on top."""
        pause = min(_FIRST_MS * 2 ** min(attempts - 1, 16), _LAST_MS)
        return int(pause * (1 + self._jitter() / 4))

    def send_due(self) -> None:
        """Send what is due, some at once; forget what can no longer be paid."""
        now_ms = self._clock()
        if now_ms >= self._forget_at_ms:
            self._forget_at_ms = now_ms + _FORGET_EVERY_MS
            self._journal.forget(before_ms=now_ms - _FORGET_MS)
            if dropped := self._journal.bound_evidence():
                log.warning("evidence.dropped", extra={"jobs": dropped})
        if not self._broker.is_connected:
            return
        for entry in self._journal.due(now_ms, _AT_ONCE):
            if entry.report is not None:
                self._send(entry.report)
                self._journal.sent_again(entry.job_id, next_at_ms=now_ms + self.pause_ms(entry.attempts + 1))

    def _send(self, report: bytes) -> None:
        event = parse(report)
        if isinstance(event, Finished | JobRefused):
            self._broker.publish(event)

    def _run(self) -> None:
        while not self._stopping:
            try:
                self.send_due()
            except JournalUnusable as error:
                log.error("spool.unusable", extra={"cause": str(error)})  # noqa: TRY400 - the cause is enough
            except Exception:
                # What waits stays in the journal, and is tried again at the next tick.
                log.exception("spool.unforeseen")
            self._wake.wait(_TICK_SECONDS)
            self._wake.clear()


def _claimable_receipt(report: Report) -> str | None:
    return report.receipt if isinstance(report, Finished) else None
