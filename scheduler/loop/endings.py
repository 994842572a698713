"""How an invocation ends: with a result, or with a reason that its caller is told."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from scheduler import metrics
from scheduler.errors import BrokerUnavailable, ChangeFailed, EpochSuperseded
from scheduler.loop.desk import Desk
from scheduler.loop.live import LiveInvocation, LiveJob
from scheduler.store.changes import Change, EndInvocation
from wire.messages import InvocationReply, InvocationRequest
from wire.problems import Reason

log = logging.getLogger(__name__)


async def end(desk: Desk, invocation: LiveInvocation, reason: Reason, *before: Change) -> None:
    """End an invocation without a result, in one commit with what led to it, and tell its caller."""
    ids = {"invocation_id": invocation.invocation_id, "reason": reason}
    desk.live.forget(invocation)
    change = EndInvocation(invocation_id=invocation.invocation_id, reason=reason, at_ms=desk.clock())
    try:
        verdicts = await desk.commit.commit(*before, change)
    except ChangeFailed:
        log.exception("invocation.end_failed", extra=ids)
    else:
        log.info("invocation.failed", extra=ids | {"verdict": verdicts[-1]})
    await reply(desk, invocation, InvocationReply(invocation_id=invocation.request.invocation_id, reason=reason))


async def reply(desk: Desk, invocation: LiveInvocation, answer: InvocationReply) -> None:
    """Tell the gateway how an invocation ended, unless it was told before that it may come and ask."""
    metrics.ENDED.labels(answer.reason or "succeeded").inc()
    if not invocation.answered:
        invocation.answered = True
        await send(desk, invocation.request, answer)


async def send(desk: Desk, request: InvocationRequest, answer: InvocationReply) -> None:
    """Send a gateway an answer; a gateway that misses it finds it in the database."""
    try:
        await desk.replies.send_reply(request.replies_to, answer)
    except BrokerUnavailable as error:
        log.warning("reply.not_sent", extra={"invocation_id": request.invocation_id, "why": str(error)})


def release(desk: Desk, invocation: LiveInvocation) -> LiveJob:
    """Let go of an invocation's job and its slot: whatever comes of it now is late."""
    job = desk.live.close(invocation)
    desk.fleet.release(job.provider_id, job.job_id)
    return job


@asynccontextmanager
async def ended_on_error(desk: Desk, invocation: LiveInvocation) -> AsyncIterator[None]:
    """End the invocation as `internal` when something unexpected is raised; it is logged and stops nothing else."""
    try:
        yield
    except EpochSuperseded:
        raise
    except Exception:
        log.exception("invocation.broke", extra={"invocation_id": invocation.invocation_id})
        if invocation.job:
            release(desk, invocation)
        await end(desk, invocation, Reason.INTERNAL)
