"""How a job ends: paid, or all that it held released. A job's state and its money change together."""

from typing import Any

from chaincode.contracts import accounts
from chaincode.contracts.errors import Refused
from chaincode.contracts.transaction.context import Context
from wire.codec import to_plain
from wire.ledger import events, state_keys
from wire.ledger.records import InvocationRecord, JobRecord, Spent
from wire.ledger.refusals import Refusal
from wire.ledger.states import JobRecordState
from wire.messages import Receipt
from wire.money import billed_ms as billed
from wire.money import cost_of
from wire.outcomes import PROVIDER_FAULTS


def find(ctx: Context, job_id: str, *allowed: JobRecordState) -> JobRecord:
    """Return a job that is in one of the allowed states.

    :raises Refused: `unknown_job`, or `wrong_state` with the state that it is in.
    """
    job = ctx.record(JobRecord, state_keys.job(job_id), Refusal.UNKNOWN_JOB)
    if job.state not in allowed:
        raise Refused(Refusal.WRONG_STATE, f"job {job_id} is {job.state}")
    return job


def store(ctx: Context, job: JobRecord) -> None:
    """Write a job, and tell followers which state it reached, whom it concerns, and what else changed."""
    key = state_keys.job(job.job_id)
    before = ctx.cache.get(JobRecord, key)
    ctx.cache.put(key, job)
    told = {"developer_id": job.developer_id, "account_id": job.account_id, **job.differs_from(before)}
    body: dict[str, Any] = to_plain(told)
    ctx.emit(events.job_is(job.state), job.job_id, body)


def receipted(ctx: Context, job: JobRecord, receipt: Receipt) -> JobRecord:
    """Return the job with its receipt noted; its state is the caller's business."""
    return job.but(
        claimed_ms=min(receipt.run_ms, job.max_ms),
        receipt_digest=receipt.output_digest,
        exit_state=receipt.exit_state,
        receipted_at_ms=ctx.timestamp_ms,
    )


def complete(ctx: Context, job: JobRecord) -> None:
    """Settle a job of which both receipt and confirmation are there, or fail it, or note that they disagree."""
    if job.exit_state in PROVIDER_FAULTS:
        release(ctx, job.but(state=JobRecordState.FAILED))
    elif job.receipt_digest != job.confirm_digest:
        store(ctx, job.but(state=JobRecordState.MISMATCH))
    else:
        _refuse_too_many(ctx, job)
        pay(ctx, job.but(state=JobRecordState.SETTLED), due_ms(job))


def due_ms(job: JobRecord) -> int:
    """Return the time to be paid: the least that provider, controller and version say, at least 1."""
    return billed(claimed_ms=job.claimed_ms, observed_ms=job.observed_ms, max_ms=job.max_ms)


def release(ctx: Context, job: JobRecord) -> None:
    """End a job without payment: all that it held goes back to where it came from."""
    let_go(ctx, job)
    store(ctx, job.but(settled_at_ms=ctx.timestamp_ms))


def let_go(ctx: Context, job: JobRecord) -> None:
    """Release what a job holds, and count its invocation's developer out."""
    accounts.release(ctx, job.payer, job.max_cost_micro)
    if job.payer == job.developer_id:
        _give_back(ctx, job, job.max_cost_micro)
        _count(ctx, job, settled=0)


def pay(ctx: Context, job: JobRecord, billed_ms: int) -> None:
    """Pay a job out of what it holds, and release the rest."""
    cost = cost_of(run_ms=billed_ms, price_nano_per_ms=job.price_nano_per_ms)
    accounts.spend(ctx, job.payer, held=job.max_cost_micro, cost=cost)
    accounts.split(ctx, job.account_id, cost, job.fee_policy)
    if job.payer == job.developer_id:
        _give_back(ctx, job, job.max_cost_micro - cost)
        _count(ctx, job, settled=1)
    paid = job.but(billed_ms=billed_ms, cost_micro=cost, payment_done=True, settled_at_ms=ctx.timestamp_ms)
    store(ctx, paid)


def may_settle(ctx: Context, job: JobRecord) -> bool:
    """Tell whether the developer owes one more job of this invocation."""
    invocation = _invocation(ctx, job)
    return job.payer != job.developer_id or invocation.settled < invocation.replicas


def _refuse_too_many(ctx: Context, job: JobRecord) -> None:
    """Let no more jobs of an invocation settle than it names, nor one while an earlier attempt may still."""
    if job.payer != job.developer_id:
        return
    invocation = _invocation(ctx, job)
    if invocation.settled >= invocation.replicas:
        raise Refused(Refusal.INVOCATION_SETTLED)
    if invocation.open + invocation.settled > invocation.replicas:
        raise Refused(Refusal.EARLIER_ATTEMPT_OPEN)


def _count(ctx: Context, job: JobRecord, *, settled: int) -> None:
    invocation = _invocation(ctx, job)
    counted = InvocationRecord(
        replicas=invocation.replicas, open=invocation.open - 1, settled=invocation.settled + settled
    )
    ctx.cache.put(state_keys.invocation(job.invocation_id), counted)


def _give_back(ctx: Context, job: JobRecord, amount: int) -> None:
    """Count less against the budget of the day on which the job was placed."""
    key = state_keys.spent(job.version_id, job.placed_at_ms)
    spent = ctx.cache.get(Spent, key) or Spent()
    ctx.cache.put(key, Spent(amount=spent.amount - amount))


def _invocation(ctx: Context, job: JobRecord) -> InvocationRecord:
    return ctx.cache.get(InvocationRecord, state_keys.invocation(job.invocation_id)) or InvocationRecord(
        replicas=job.replicas
    )
