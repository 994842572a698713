"""What follows a job that failed: another provider, waiting for one, or the invocation's end."""

import logging

from scheduler import clocks, metrics
from scheduler.loop import endings, placing
from scheduler.loop.core import Core
from scheduler.loop.live import LiveInvocation
from scheduler.placement import Capacity
from scheduler.states import JobState
from scheduler.store.changes import FailJob
from wire.messages import Cancel
from wire.outcomes import ExitState
from wire.problems import Reason

log = logging.getLogger(__name__)

#: What an image can cause on every provider: it counts against the provider for this image alone.
_PERHAPS_THE_IMAGE = frozenset({ExitState.PULL_FAILED, ExitState.CRASHED})


async def fail(core: Core, invocation: LiveInvocation, failure: FailJob) -> None:
    """Commit a job's failure in one transaction with what follows it."""
    job = endings.release(core, invocation)
    metrics.JOBS.labels(failure.state).inc()
    if job.sent:
        image = invocation.need.image_digest if failure.exit_state in _PERHAPS_THE_IMAGE else ""
        core.fleet.failed(job.provider_id, now_ms=core.clock(), image=image)
    ids = {"job_id": job.job_id, "provider_id": job.provider_id, "state": failure.state}
    log.info("job.failed", extra=ids | {"exit_state": failure.exit_state, "refusal": failure.refusal})
    async with endings.ended_on_error(core, invocation):
        await _go_on(core, invocation, failure)


async def lose(core: Core, job_id: str) -> None:
    """Give up a job whose provider fell silent, and tell its agent to stop should it still be there."""
    found = core.live.of_job(job_id)
    if found is None:
        return
    invocation, job = found
    if not job.sent:
        # The ticket never left: that was the broker's failure, and this provider may be tried again.
        invocation.tried.discard(job.provider_id)
    await fail(core, invocation, FailJob(job_id=job_id, state=JobState.LOST, at_ms=core.clock()))
    await core.tell(job.provider_id, Cancel(job_id=job_id))


async def _go_on(core: Core, invocation: LiveInvocation, failure: FailJob) -> None:
    if invocation.attempts >= clocks.MAX_ATTEMPTS or core.clock() >= invocation.request.deadline_at_ms:
        await endings.end(core, invocation, Reason.PROVIDERS_FAILED, failure)
        return
    choice = placing.choose(core, invocation)
    if isinstance(choice, Capacity):
        place = placing.reserve(core, invocation, choice)
        await placing.commit_and_send(core, invocation, place, failure)
    elif choice is Reason.PROVIDERS_BUSY:
        # Committed in the order of these two lines, even when a slot is found before the first has returned.
        core.live.wait(invocation)
        await core.commit.commit(failure)
    else:
        await endings.end(core, invocation, Reason.PROVIDERS_FAILED, failure)
