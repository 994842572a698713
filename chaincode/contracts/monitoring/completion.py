"""How a job goes on: receipt and confirmation in whichever order; superseded and expired attempts."""

from collections.abc import Iterator
from dataclasses import replace

from chaincode.contracts import checks, keys
from chaincode.contracts.errors import Refusal, Refused
from chaincode.contracts.execution.context import Context
from chaincode.contracts.execution.contract import Contract, transaction
from chaincode.contracts.execution.keyring import public_key
from chaincode.contracts.monitoring import settlement
from chaincode.contracts.operations import ConfirmResult, ExpireJob, SubmitReceipt, SupersedeJob
from chaincode.contracts.records import Job, JobState, PinnedKey, Role
from wire.envelope import parse_as
from wire.errors import BadSignature, WireError
from wire.messages import Receipt
from wire.outcomes import PROVIDER_FAULTS
from wire.signing import RECEIPT, key_id_of

_WAITING = (JobState.CREATED, JobState.CONFIRMED)


def _receipt_reads(arguments: SubmitReceipt) -> Iterator[str]:
    yield keys.job(arguments.job_id)
    try:
        yield keys.key(key_id_of(arguments.receipt))
    except BadSignature:
        return


def _job_reads(arguments: ConfirmResult | SupersedeJob | ExpireJob) -> Iterator[str]:
    yield keys.job(arguments.job_id)


class CompletionContract(Contract):
    """Jobs go on and end."""

    @transaction(SubmitReceipt, reads=_receipt_reads)
    def receipt(self, ctx: Context, arguments: SubmitReceipt) -> None:
        """Take a provider's receipt, whoever hands it in: the provider's signature is the authority."""
        checks.identifiers(job_id=arguments.job_id)
        job = settlement.find(ctx, arguments.job_id, *_WAITING)
        receipt = _verified(ctx, job, arguments.receipt)
        receipted = replace(
            job,
            claimed_ms=min(receipt.run_ms, job.max_ms),
            receipt_digest=receipt.output_digest,
            exit_state=receipt.exit_state,
            receipted_at_ms=ctx.timestamp_ms,
        )
        if receipt.exit_state in PROVIDER_FAULTS:
            settlement.release(ctx, replace(receipted, state=JobState.FAILED))
        elif job.state is JobState.CONFIRMED:
            settlement.complete(ctx, receipted)
        else:
            settlement.store(ctx, replace(receipted, state=JobState.RECEIPTED))

    @transaction(ConfirmResult, reads=_job_reads)
    def confirm(self, ctx: Context, arguments: ConfirmResult) -> None:
        """Note that the result arrived and how long the controller saw the job take."""
        ctx.require(Role.CONTROLLER)
        checks.identifiers(job_id=arguments.job_id)
        checks.digests(output_digest=arguments.output_digest)
        checks.numbers(observed_ms=arguments.observed_ms)
        job = settlement.find(ctx, arguments.job_id, JobState.CREATED, JobState.RECEIPTED)
        confirmed = replace(
            job,
            observed_ms=arguments.observed_ms,
            confirm_digest=arguments.output_digest,
            received=True,
            confirmed_at_ms=ctx.timestamp_ms,
        )
        if job.state is JobState.RECEIPTED:
            settlement.complete(ctx, confirmed)
        else:
            settlement.store(ctx, replace(confirmed, state=JobState.CONFIRMED))

    @transaction(SupersedeJob, reads=_job_reads)
    def supersede(self, ctx: Context, arguments: SupersedeJob) -> None:
        """Give up on an attempt whose result was not confirmed."""
        ctx.require(Role.CONTROLLER)
        checks.identifiers(job_id=arguments.job_id)
        job = settlement.find(ctx, arguments.job_id, JobState.CREATED, JobState.RECEIPTED)
        settlement.release(ctx, replace(job, state=JobState.SUPERSEDED))

    @transaction(ExpireJob, reads=_job_reads)
    def expire(self, ctx: Context, arguments: ExpireJob) -> None:
        """Release a job after its time to be paid, if no receipt is there."""
        ctx.require(Role.CONTROLLER)
        checks.identifiers(job_id=arguments.job_id)
        job = settlement.find(ctx, arguments.job_id, *_WAITING)
        if ctx.timestamp_ms <= job.pay_until_ms:
            raise Refused(Refusal.TOO_EARLY, f"job {job.job_id} may be paid until {job.pay_until_ms}")
        settlement.release(ctx, replace(job, state=JobState.EXPIRED))


def _verified(ctx: Context, job: Job, jws: str) -> Receipt:
    """Return the receipt when the provider pinned in the job signed it, for this job's ticket."""
    try:
        pinned = ctx.cache.get(PinnedKey, keys.key(key_id_of(jws)))
        if pinned is None or pinned.role is not Role.PROVIDER or pinned.holder != job.provider_id:
            raise Refused(Refusal.FOREIGN_RECEIPT)
        receipt = parse_as(Receipt, public_key(pinned.public_key_pem).verify(jws, RECEIPT))
    except BadSignature as error:
        raise Refused(Refusal.BAD_SIGNATURE, str(error)) from error
    except WireError as error:
        raise checks.refuse("receipt", f"a receipt: {error}") from error
    if receipt.job_id != job.job_id or receipt.ticket_digest != job.ticket_digest:
        raise Refused(Refusal.WRONG_TICKET)
    checks.digests(output_digest=receipt.output_digest)
    checks.within("run_ms", receipt.run_ms, (1, 2**53))
    return receipt
