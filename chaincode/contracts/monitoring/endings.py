"""How a job ends without a result: superseded, expired, cancelled, or decided by both organisations."""

from collections.abc import Iterator

from chaincode.contracts import checks
from chaincode.contracts.errors import Refused
from chaincode.contracts.monitoring import settlement
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.contract import Contract, governed, transaction
from wire.ledger import state_keys
from wire.ledger.operations import CancelJob, DecideJob, ExpireJob, SupersedeJob
from wire.ledger.refusals import Refusal
from wire.ledger.states import JobRecordState, KeyRole


def _reads(arguments: SupersedeJob | ExpireJob | CancelJob) -> Iterator[str]:
    yield state_keys.job(arguments.job_id)


class EndingContract(Contract):
    """Jobs end."""

    @transaction(SupersedeJob, reads=_reads)
    def supersede(self, ctx: Context, arguments: SupersedeJob) -> None:
        """Give up on an attempt whose result was not confirmed."""
        ctx.require(KeyRole.CONTROLLER)
        checks.identifiers(job_id=arguments.job_id)
        job = settlement.find(ctx, arguments.job_id, JobRecordState.CREATED, JobRecordState.RECEIPTED)
        settlement.release(ctx, job.but(state=JobRecordState.SUPERSEDED))

    @transaction(ExpireJob, reads=_reads)
    def expire(self, ctx: Context, arguments: ExpireJob) -> None:
        """Release a job after its time to be paid, if no receipt is there."""
        ctx.require(KeyRole.CONTROLLER)
        checks.identifiers(job_id=arguments.job_id)
        job = settlement.find(ctx, arguments.job_id, JobRecordState.CREATED, JobRecordState.CONFIRMED)
        if ctx.timestamp_ms <= job.pay_until_ms:
            raise Refused(Refusal.TOO_EARLY, f"job {job.job_id} may be paid until {job.pay_until_ms}")
        settlement.release(ctx, job.but(state=JobRecordState.EXPIRED))

    @transaction(CancelJob, reads=_reads)
    def cancel(self, ctx: Context, arguments: CancelJob) -> None:
        """Stop a job: what it used is paid, and nothing when it had not started."""
        ctx.require(KeyRole.CONTROLLER)
        checks.identifiers(job_id=arguments.job_id)
        checks.numbers(used_ms=arguments.used_ms)
        job = settlement.find(ctx, arguments.job_id, JobRecordState.CREATED)
        cancelled = job.but(state=JobRecordState.CANCELLED, observed_ms=arguments.used_ms)
        if not arguments.used_ms:
            settlement.release(ctx, cancelled)
            return
        if not settlement.may_settle(ctx, job):
            raise Refused(Refusal.INVOCATION_SETTLED)
        settlement.pay(ctx, cancelled, settlement.due_ms(cancelled))

    @governed(DecideJob, by=(KeyRole.AUTHORITY,))
    def decide(self, ctx: Context, arguments: DecideJob) -> None:
        """End a job whose digests differ: pay what seems right, or nothing."""
        checks.identifiers(job_id=arguments.job_id)
        checks.text("reason", arguments.reason, 200)
        job = settlement.find(ctx, arguments.job_id, JobRecordState.MISMATCH).but(reason=arguments.reason)
        checks.within("pay_ms", arguments.pay_ms, (0, job.claimed_ms or 0))
        if arguments.pay_ms:
            settlement.pay(ctx, job.but(state=JobRecordState.SETTLED), arguments.pay_ms)
        else:
            settlement.release(ctx, job.but(state=JobRecordState.FAILED))
