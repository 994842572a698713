"""What happens to a result: it is checked against its receipt, committed, delivered and acknowledged."""

import logging
from dataclasses import dataclass
from uuid import UUID

from scheduler import metrics, receipts
from scheduler.errors import ChangeFailed, ReceiptRefused
from scheduler.loop import endings, placing, retries
from scheduler.loop.core import Core
from scheduler.loop.live import LiveInvocation, LiveJob
from scheduler.receipts import Expected
from scheduler.specs import ProviderSpec
from scheduler.states import JobState
from scheduler.store.changes import FailJob, FinishJob, Verdict
from wire.errors import WireError
from wire.messages import Finished, Receipt, ResultAcknowledged, Ticket
from wire.outcomes import PROVIDER_FAULTS
from wire.problems import REASON_OF_EXIT

log = logging.getLogger(__name__)

_INT_MAX = 2**31 - 1
_ACCEPTED = (Verdict.DONE, Verdict.REPEATED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """A result, who sent it, and when it came."""

    provider: ProviderSpec
    message: Finished
    at_ms: int

    @property
    def ids(self) -> dict[str, object]:
        """What a log says of it."""
        return {"job_id": self.message.job_id, "provider_id": self.provider.provider_id}


async def take(core: Core, arrival: Arrival) -> None:
    """Take a result in, and acknowledge it whatever becomes of it, so that the agent drops it from its spool."""
    found = core.live.of_job(arrival.message.job_id)
    if found is None:
        await _take_late(core, arrival)
    elif found[1].provider_id != arrival.provider.provider_id:
        log.warning("result.foreign", extra=arrival.ids)
        await _acknowledge(core, arrival)
    else:
        await _take_expected(core, arrival, *found)


async def _take_expected(core: Core, arrival: Arrival, invocation: LiveInvocation, job: LiveJob) -> None:
    try:
        receipt = _checked(arrival, digest=job.ticket_digest, limit=invocation.version.limits.output_bytes)
    except ReceiptRefused as error:
        log.warning("result.refused", extra=arrival.ids | {"why": str(error)})
        failure = FailJob(job_id=job.job_id, state=JobState.FAILED, at_ms=arrival.at_ms)
        await retries.fail(core, invocation, failure)
        await _acknowledge(core, arrival)
    else:
        if receipt.exit_state in PROVIDER_FAULTS:
            await retries.fail(core, invocation, _failure(arrival, receipt))
            await _acknowledge(core, arrival)
        else:
            await _finish(core, arrival, invocation, receipt)
    placing.place_waiting(core)


async def _finish(core: Core, arrival: Arrival, invocation: LiveInvocation, receipt: Receipt) -> None:
    job = endings.release(core, invocation)
    metrics.JOBS.labels(JobState.FINISHED).inc()
    change = _finished(arrival, receipt, invocation_id=invocation.invocation_id, job=job)
    async with endings.ended_on_error(core, invocation):
        verdict = (await core.commit.commit(change))[0]
        if verdict not in _ACCEPTED:
            raise ReceiptRefused(f"job {job.job_id} is open here and {verdict} in the database")
        core.live.forget(invocation)
        core.fleet.succeeded(job.provider_id, invocation.need.image_digest)
        log.info("job.finished", extra=arrival.ids | {"exit_state": receipt.exit_state})
        await endings.reply(core, invocation, change.reply(job))
        await _acknowledge(core, arrival, core.signer.acknowledge(receipt, now_ms=arrival.at_ms))


async def _take_late(core: Core, arrival: Arrival) -> None:
    """Take the result of a job that is not open here: it came before, or the job was replaced, or is none of ours."""
    acknowledgement = None
    try:
        ticket = _own_ticket(core, arrival)
        job = LiveJob.of_ticket(arrival.message.ticket, ticket)
        receipt = _checked(arrival, digest=job.ticket_digest, limit=ticket.limits.output_bytes)
    except (WireError, ReceiptRefused) as error:
        log.warning("result.refused", extra=arrival.ids | {"why": str(error)})
    else:
        acknowledgement = await _store_late(core, arrival, receipt, job)
    await _acknowledge(core, arrival, acknowledgement)


def _own_ticket(core: Core, arrival: Arrival) -> Ticket:
    """Return the ticket that came back with a result.

    :raises BadSignature: when it is not one of this controller's.
    :raises ReceiptRefused: when it is for another job or provider.
    """
    ticket = core.signer.read(arrival.message.ticket)
    if ticket.provider_id != str(arrival.provider.provider_id) or ticket.job_id != arrival.message.job_id:
        raise ReceiptRefused(f"the ticket is for job {ticket.job_id} on provider {ticket.provider_id}")
    return ticket


async def _store_late(core: Core, arrival: Arrival, receipt: Receipt, job: LiveJob) -> str | None:
    """Store a late result; return the acknowledgement when the same result was accepted before."""
    invocation_id = await core.commit.call(lambda: core.store.job_invocation(job.job_id))
    if invocation_id is None or receipt.exit_state in PROVIDER_FAULTS:
        log.info("result.late", extra=arrival.ids | {"exit_state": receipt.exit_state})
        return None
    change = _finished(arrival, receipt, invocation_id=invocation_id, job=job)
    try:
        verdict = (await core.commit.commit(change))[0]
    except ChangeFailed:
        return None
    log.info("result.late", extra=arrival.ids | {"verdict": verdict})
    invocation = core.live.get(invocation_id)
    if verdict in _ACCEPTED and invocation and invocation.job is None:
        # Its first delivery was committed and then cut short: what was left to do is done now.
        core.live.forget(invocation)
        await endings.reply(core, invocation, change.reply(job))
    return core.signer.acknowledge(receipt, now_ms=arrival.at_ms) if verdict in _ACCEPTED else None


async def _acknowledge(core: Core, arrival: Arrival, acknowledgement: str | None = None) -> None:
    message = ResultAcknowledged(job_id=arrival.message.job_id, acknowledgement=acknowledgement)
    await core.tell(arrival.provider.provider_id, message)


def _checked(arrival: Arrival, *, digest: str, limit: int) -> Receipt:
    """Return the receipt of a result.

    :raises ReceiptRefused: when it does not fit the provider, the ticket or the output.
    """
    message = arrival.message
    expected = Expected(job_id=message.job_id, ticket_digest=digest, signing_key_pem=arrival.provider.signing_key_pem)
    receipt = receipts.verified(message.receipt, expected)
    if receipt.exit_state not in PROVIDER_FAULTS:
        receipts.check_output(receipt, message.output, limit=limit)
    return receipt


def _failure(arrival: Arrival, receipt: Receipt) -> FailJob:
    return FailJob(
        job_id=receipt.job_id,
        state=JobState.FAILED,
        at_ms=arrival.at_ms,
        receipt=arrival.message.receipt,
        exit_state=receipt.exit_state,
        log_tail=receipts.storable(arrival.message.log_tail),
    )


def _finished(arrival: Arrival, receipt: Receipt, *, invocation_id: UUID, job: LiveJob) -> FinishJob:
    message, observed_ms = arrival.message, max(arrival.at_ms - job.placed_at_ms, 1)
    return FinishJob(
        job_id=receipt.job_id,
        invocation_id=invocation_id,
        receipt=message.receipt,
        run_ms=min(receipt.run_ms, job.max_ms),
        exit_state=receipt.exit_state,
        output=message.output,
        output_digest=receipt.output_digest,
        observed_ms=observed_ms,
        # The agent's clock is believed as far as it can be true.
        finished_at_ms=min(max(receipt.finished_at_ms, job.placed_at_ms), arrival.at_ms),
        exit_code=message.exit_code if abs(message.exit_code or 0) <= _INT_MAX else None,
        pull_ms=min(max(message.pull_ms, 0), observed_ms),
        log_tail=receipts.storable(message.log_tail),
        reason=REASON_OF_EXIT.get(receipt.exit_state),
    )
