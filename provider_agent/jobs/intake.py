"""What the broker delivers, one after another: tickets are judged, accepted or refused; control is obeyed."""

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread

from provider_agent.jobs.journal import Entry, JournalState, JournalUnusable, digest_of
from provider_agent.jobs.policy import ProviderTerms, Situation, refusal
from provider_agent.jobs.pool import JobTools, RunnerPool
from provider_agent.jobs.tickets import TicketVerifier, claimed_job_id, is_its_input
from provider_agent.ports import Acknowledge, Work
from wire.envelope import parse, parse_as
from wire.errors import BadSignature, WireError
from wire.messages import Accepted, Cancel, JobOrder, JobRefused, ResultAcknowledged, Ticket
from wire.outcomes import RefusalReason
from wire.signing import key_id_of

log = logging.getLogger(__name__)

_Step = Callable[[], None]
#: How long to wait before what the journal could not take is tried again.
_AGAIN_SECONDS = 1.0


class Intake:
    """The inbox of the broker. Its thread is the only one that accepts jobs, so that a slot is never given twice.

    What the journal cannot take, its disk being full, waits here unacknowledged and is tried again. The connection
    stays: without it the controller would soon give up the jobs that run.
    """

    def __init__(
        self,
        tools: JobTools,
        pool: RunnerPool,
        *,
        terms: ProviderTerms,
        verifier: TicketVerifier,
        tell_offer: Callable[[], None],
    ) -> None:
        self._tools = tools
        self._pool = pool
        self._terms = terms
        self._verifier = verifier
        #: Called when the controller should hear soon what this machine offers now.
        self._tell_offer = tell_offer
        self._steps: SimpleQueue[_Step | None] = SimpleQueue()
        self._waiting: deque[_Step] = deque()
        self._is_stuck = False
        self._again_at = 0.0
        self._thread = Thread(target=self._run, name="intake", daemon=True)

    @property
    def is_stuck(self) -> bool:
        """Whether the journal could not be used when it was last tried: no job can be taken."""
        return self._is_stuck

    def start(self) -> None:
        """Begin to work off what was delivered."""
        self._thread.start()

    def stop(self) -> None:
        """Work off what was delivered so far, and end."""
        self._steps.put(None)
        self._thread.join()

    def job(self, body: bytes, acknowledge: Acknowledge) -> None:
        """Take a delivery from the jobs queue."""
        self._steps.put(lambda: self._take_order(body, acknowledge))

    def control(self, body: bytes, acknowledge: Acknowledge) -> None:
        """Take a delivery from the control queue."""
        self._steps.put(lambda: self._obey(body, acknowledge))

    def connected(self) -> None:
        """Have everything sent that the controller may have missed."""
        # What waits is delivered again to the new connection.
        self._steps.put(self._waiting.clear)
        self._steps.put(self._tools.spool.connected)
        self._steps.put(self._tell_offer)

    def _take_order(self, body: bytes, acknowledge: Acknowledge) -> None:
        """Accept or refuse an order; it is acknowledged once the journal knows what was decided."""
        try:
            order = parse_as(JobOrder, body)
        except WireError as error:
            log.warning("order.unreadable", extra={"cause": str(error)})
            acknowledge()
            return
        try:
            ticket = self._verifier.ticket(order, now_ms=self._tools.clock())
        except BadSignature as error:
            self._turn_down(order, RefusalReason.BAD_SIGNATURE, error)
        except WireError as error:
            self._turn_down(order, RefusalReason.MALFORMED, error)
        else:
            self._decide(ticket, order)
        acknowledge()

    def _obey(self, body: bytes, acknowledge: Acknowledge) -> None:
        """Do what the controller says; the broker lets nobody else write to the control queue."""
        try:
            message = parse(body)
        except WireError as error:
            log.warning("control.unreadable", extra={"cause": str(error)})
            acknowledge()
            return
        if isinstance(message, Cancel):
            stopped = self._tools.slots.cancel(message.job_id)
            log.info("job.cancelled", extra={"job_id": message.job_id, "stopped": stopped})
        elif isinstance(message, ResultAcknowledged):
            self._tools.spool.acknowledged(message.job_id, message.acknowledgement)
        acknowledge()

    def _decide(self, ticket: Ticket, order: JobOrder) -> None:
        tools, jws = self._tools, order.ticket
        known = tools.journal.find(ticket.job_id)
        if known and known.ticket_digest == digest_of(jws):
            self._tell_again(known)
            return
        reason = refusal(ticket, self._terms, self._situation(known, has_its_input=is_its_input(order, ticket)))
        tools.journal.saw_term(ticket.term)
        if reason is None:
            tools.journal.vouched(key_id_of(jws), order.working_key)
            self._accept(ticket, order)
        else:
            self._refuse(ticket, jws, reason)

    def _situation(self, known: Entry | None, *, has_its_input: bool) -> Situation:
        tools = self._tools
        return Situation(
            now_ms=tools.clock(),
            newest_term=tools.journal.newest_term,
            is_repeated=known is not None,
            has_its_input=has_its_input,
            free_slots=0 if tools.spool.is_full() else tools.slots.free,
            is_draining=tools.slots.is_draining,
        )

    def _accept(self, ticket: Ticket, order: JobOrder) -> None:
        tools, now_ms = self._tools, self._tools.clock()
        tools.journal.accept(ticket.job_id, ticket=order.ticket, pay_until_ms=ticket.pay_until_ms)
        # Said first: what its run has to say comes from another thread.
        tools.broker.publish(Accepted(job_id=ticket.job_id, accepted_at_ms=now_ms))
        self._pool.submit(Work(ticket=ticket, jws=order.ticket, input=order.input))
        log.info("job.accepted", extra={"job_id": ticket.job_id})

    def _refuse(self, ticket: Ticket, jws: str, reason: RefusalReason) -> None:
        """Refuse a trusted ticket. A repeated one is not written down: its job's row tells of the first."""
        tools = self._tools
        refused = tools.receipts.refused(ticket.job_id, jws, reason=reason)
        log.info("job.refused", extra={"job_id": ticket.job_id, "reason": reason.value})
        tools.metrics.refused(reason)
        if reason is RefusalReason.REPEATED or tools.spool.is_full():
            tools.broker.publish(refused)
            return
        tools.spool.refuse(refused, ticket=jws, pay_until_ms=ticket.pay_until_ms)

    def _turn_down(self, order: JobOrder, reason: RefusalReason, error: WireError) -> None:
        """Refuse what cannot be trusted: no receipt, no row, only a word if the job can be told."""
        job_id = claimed_job_id(order)
        log.warning("order.refused", extra={"job_id": job_id, "reason": reason.value, "cause": str(error)})
        self._tools.metrics.refused(reason)
        if job_id:
            self._tools.broker.publish(JobRefused(job_id=job_id, reason=reason))

    def _tell_again(self, known: Entry) -> None:
        """Answer a ticket that was delivered twice: the broker did not hear that it was taken."""
        tools = self._tools
        log.info("order.again", extra={"job_id": known.job_id, "state": known.state.value})
        if known.state is JournalState.ACCEPTED:
            tools.broker.publish(Accepted(job_id=known.job_id, accepted_at_ms=tools.clock()))
        elif known.state is JournalState.REPORTED:
            tools.spool.send_again(known.job_id)

    def _run(self) -> None:
        while True:
            with suppress(Empty):
                step = self._steps.get(timeout=_AGAIN_SECONDS if self._is_stuck else None)
                if step is None:
                    return
                if not self._did(step):
                    self._waiting.append(step)
            if self._is_stuck and time.monotonic() >= self._again_at:
                self._try_again()

    def _try_again(self) -> None:
        while self._waiting:
            if not self._did(self._waiting[0]):
                return
            self._waiting.popleft()
        self._is_stuck = False
        log.info("intake.usable")
        self._tell_offer()

    def _did(self, step: _Step) -> bool:
        """Do a step; False when the journal could not be used."""
        try:
            step()
        except JournalUnusable as error:
            log.error("intake.unusable", extra={"cause": str(error)})  # noqa: TRY400 - the cause is enough
            self._again_at = time.monotonic() + _AGAIN_SECONDS
            if not self._is_stuck:
                self._is_stuck = True
                self._tell_offer()
            return False
        except Exception:
            # Not acknowledged: it is delivered again after the next connection; the next one is not to suffer for it.
            log.exception("intake.unforeseen")
        return True
