"""How an invocation ends: with a result, or with a reason that its caller is told."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from scheduler import metrics
from scheduler.errors import BrokerUnavailable, ChangeFailed, TermSuperseded
from scheduler.loop.core import Core
from scheduler.loop.live import LiveInvocation, LiveJob
from scheduler.store.changes import Change, EndInvocation
from wire.messages import InvocationReply, InvocationRequest
from wire.problems import Reason

log = logging.getLogger(__name__)


async def end(core: Core, invocation: LiveInvocation, reason: Reason, *before: Change) -> None:
    """End an invocation without a result, in one commit with what led to it, and tell its caller."""
    ids = {"invocation_id": invocation.invocation_id, "reason": reason}
    core.live.forget(invocation)
    change = EndInvocation(invocation_id=invocation.invocation_id, reason=reason, at_ms=core.clock())
    try:
        verdicts = await core.commit.commit(*before, change)
    except ChangeFailed:
        log.exception("invocation.end_failed", extra=ids)
    else:
        log.info("invocation.failed", extra=ids | {"verdict": verdicts[-1]})
    await reply(core, invocation, InvocationReply(invocation_id=invocation.request.invocation_id, reason=reason))


async def reply(core: Core, invocation: LiveInvocation, answer: InvocationReply) -> None:
    """Tell the gateway how an invocation ended, unless it was told before that it may come and ask."""
    metrics.ENDED.labels(answer.reason or "succeeded").inc()
    if not invocation.answered:
        invocation.answered = True
        await send(core, invocation.request, answer)


async def send(core: Core, request: InvocationRequest, answer: InvocationReply) -> None:
    """Send a gateway an answer; a gateway that misses it finds it in the database."""
    try:
        await core.replies.send_reply(request.replies_to, answer)
    except BrokerUnavailable as error:
        log.warning("reply.not_sent", extra={"invocation_id": request.invocation_id, "why": str(error)})


def release(core: Core, invocation: LiveInvocation) -> LiveJob:
    """Let go of an invocation's job and its slot: whatever comes of it now is late."""
    job = core.live.close(invocation)
    core.fleet.release(job.provider_id, job.job_id)
    return job


@asynccontextmanager
async def ended_on_error(core: Core, invocation: LiveInvocation) -> AsyncIterator[None]:
    """End the invocation as `internal` when something unexpected is raised; it is logged and stops nothing else."""
    try:
        yield
    except TermSuperseded:
        raise
    except Exception:
        log.exception("invocation.broke", extra={"invocation_id": invocation.invocation_id})
        if invocation.job:
            release(core, invocation)
        await end(core, invocation, Reason.INTERNAL)
