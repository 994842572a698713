"""What agents say: heartbeats, the progress of jobs, refusals. Results have a module of their own."""

import logging
from uuid import UUID

from scheduler import receipts
from scheduler.errors import ReceiptRefused
from scheduler.fleet import plausible
from scheduler.loop import placing, retries
from scheduler.loop.core import Core
from scheduler.loop.live import LiveJob
from scheduler.receipts import Expected
from scheduler.specs import ProviderSpec
from scheduler.states import JobState
from scheduler.store.changes import AcceptJob, FailJob, StartJob
from wire.errors import Malformed
from wire.messages import Accepted, Heartbeat, JobRefused, ResultAcknowledged, Started
from wire.outcomes import ExitState, RefusalReason

log = logging.getLogger(__name__)


async def heartbeat(core: Core, sender: UUID, message: Heartbeat) -> None:
    """Note what a provider has free, keep waiting for what it runs, and place who waits.

    :raises Malformed: when its numbers cannot be true.
    """
    if not plausible(message, sender):
        raise Malformed(f"Heartbeat of provider {sender}: numbers out of range")
    if await core.provider(sender) is None:
        log.warning("heartbeat.unknown_provider", extra={"provider_id": sender})
        return
    now_ms = core.clock()
    core.fleet.hear(sender, message, now_ms=now_ms)
    for job_id in message.running:
        found = core.live.of_job(job_id)
        if found and found[1].provider_id == sender:
            found[1].silence.keep(now_ms=now_ms)
    placing.place_waiting(core)


async def accepted(core: Core, sender: UUID, message: Accepted) -> None:
    """Note that a job is in its agent's journal."""
    job = _own_job(core, sender, message.job_id)
    if job and job.move(JobState.ACCEPTED):
        now_ms = core.clock()
        job.silence.accept(now_ms=now_ms)
        at_ms = min(max(message.accepted_at_ms, job.placed_at_ms), now_ms)
        await core.commit.commit_soon(AcceptJob(job_id=job.job_id, at_ms=at_ms))


async def started(core: Core, sender: UUID, message: Started) -> None:
    """Note that a job's container runs."""
    job = _own_job(core, sender, message.job_id)
    if job and job.move(JobState.STARTED):
        now_ms = core.clock()
        job.silence.start(now_ms=now_ms)
        at_ms = min(max(message.started_at_ms, job.placed_at_ms), now_ms)
        pull_ms = min(max(message.pull_ms, 0), max(now_ms - job.placed_at_ms, 0))
        await core.commit.commit_soon(StartJob(job_id=job.job_id, at_ms=at_ms, pull_ms=pull_ms))


async def refused(core: Core, sender: UUID, message: JobRefused) -> None:
    """Try another provider for a job that its agent did not take."""
    if message.reason is RefusalReason.REPEATED:
        # The agent has the job from an earlier delivery: it runs, or its result is on its way.
        log.info("job.ticket_repeated", extra={"job_id": message.job_id, "provider_id": sender})
        return
    provider = await core.provider(sender)
    found = core.live.of_job(message.job_id)
    if provider and found and _own_job(core, sender, message.job_id):
        if message.reason is RefusalReason.NO_FREE_SLOT:
            core.fleet.full(sender)
        await retries.fail(core, found[0], _refusal(core, provider, found[1], message))
        placing.place_waiting(core)
    await core.tell(sender, ResultAcknowledged(job_id=message.job_id))


def _refusal(core: Core, provider: ProviderSpec, job: LiveJob, message: JobRefused) -> FailJob:
    receipt = message.receipt
    try:
        if receipt:
            expected = Expected(
                job_id=job.job_id, ticket_digest=job.ticket_digest, signing_key_pem=provider.signing_key_pem
            )
            receipts.check_refusal(receipts.verified(receipt, expected))
    except ReceiptRefused as error:
        log.warning("refusal.receipt_refused", extra={"job_id": job.job_id, "why": str(error)})
        receipt = None
    return FailJob(
        job_id=job.job_id,
        state=JobState.FAILED,
        at_ms=core.clock(),
        receipt=receipt,
        exit_state=ExitState.REFUSED,
        refusal=message.reason,
    )


def _own_job(core: Core, sender: UUID, job_id: str) -> LiveJob | None:
    """Return an open job when it is the sender's: no provider speaks for another one's job."""
    found = core.live.of_job(job_id)
    if found is None:
        return None
    if found[1].provider_id != sender:
        log.warning("event.foreign", extra={"job_id": job_id, "provider_id": sender})
        return None
    return found[1]
