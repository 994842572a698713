"""How a job ends: paid, or all that it held released. A job's state and its money change together."""

from dataclasses import replace
from typing import Any

from chaincode.contracts import accounts, keys
from chaincode.contracts.errors import Refusal, Refused
from chaincode.contracts.execution.context import Context
from chaincode.contracts.records import Invocation, Job, JobState, Spent
from wire.codec import to_plain
from wire.money import cost_of
from wire.outcomes import PROVIDER_FAULTS


def find(ctx: Context, job_id: str, *allowed: JobState) -> Job:
    """Return a job that is in one of the allowed states.

    :raises Refused: `unknown_job`, or `wrong_state` with the state that it is in.
    """
    job = ctx.record(Job, keys.job(job_id), Refusal.UNKNOWN_JOB)
    if job.state not in allowed:
        raise Refused(Refusal.WRONG_STATE, f"job {job_id} is {job.state}")
    return job


def store(ctx: Context, job: Job) -> None:
    """Write a job and tell followers which state it reached."""
    ctx.cache.put(keys.job(job.job_id), job)
    body: dict[str, Any] = to_plain(job)
    ctx.emit(f"job.{job.state}.v1", job.job_id, body)


def complete(ctx: Context, job: Job) -> None:
    """Settle a job of which both receipt and confirmation are there, or fail it, or note that they disagree."""
    if job.exit_state in PROVIDER_FAULTS:
        release(ctx, replace(job, state=JobState.FAILED))
    elif job.receipt_digest != job.confirm_digest:
        store(ctx, replace(job, state=JobState.MISMATCH))
    else:
        _settle(ctx, job)


def release(ctx: Context, job: Job) -> None:
    """End a job without payment: all that it held goes back to the developer's deposit."""
    accounts.release(ctx, job.developer_id, job.max_cost_micro)
    _give_back(ctx, job, job.max_cost_micro)
    invocation = _invocation(ctx, job)
    ctx.cache.put(keys.invocation(job.invocation_id), replace(invocation, open=invocation.open - 1))
    store(ctx, replace(job, settled_at_ms=ctx.timestamp_ms))


def _settle(ctx: Context, job: Job) -> None:
    invocation = _invocation(ctx, job)
    if invocation.settled >= invocation.replicas:
        raise Refused(Refusal.INVOCATION_SETTLED)
    if invocation.open + invocation.settled > invocation.replicas:
        raise Refused(Refusal.EARLIER_ATTEMPT_OPEN)
    billed = max(1, min(job.claimed_ms or 0, job.observed_ms or 0, job.max_ms))
    cost = cost_of(run_ms=billed, price_nano_per_ms=job.price_nano_per_ms)
    accounts.release(ctx, job.developer_id, job.max_cost_micro - cost)
    accounts.take(ctx, job.developer_id, cost)
    accounts.split(ctx, job.account_id, cost, job.fee_policy)
    _give_back(ctx, job, job.max_cost_micro - cost)
    counted = replace(invocation, open=invocation.open - 1, settled=invocation.settled + 1)
    ctx.cache.put(keys.invocation(job.invocation_id), counted)
    paid = replace(
        job,
        state=JobState.SETTLED,
        billed_ms=billed,
        cost_micro=cost,
        payment_done=True,
        settled_at_ms=ctx.timestamp_ms,
    )
    store(ctx, paid)


def _give_back(ctx: Context, job: Job, amount: int) -> None:
    """Count less against the budget of the day on which the job was created."""
    key = keys.spent(job.version_id, job.created_at_ms)
    spent = ctx.cache.get(Spent, key) or Spent()
    ctx.cache.put(key, Spent(amount=spent.amount - amount))


def _invocation(ctx: Context, job: Job) -> Invocation:
    found = ctx.cache.get(Invocation, keys.invocation(job.invocation_id))
    return found or Invocation(replicas=job.replicas)
