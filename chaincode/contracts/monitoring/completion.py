"""How a job goes on: receipt and confirmation, in whichever order."""

from collections.abc import Iterator

from chaincode.contracts import checks
from chaincode.contracts.errors import Refused
from chaincode.contracts.monitoring import evidence, settlement
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.contract import Contract, transaction
from wire.ledger import state_keys
from wire.ledger.operations import ConfirmResult, SubmitReceipt
from wire.ledger.refusals import Refusal
from wire.ledger.states import JobRecordState, KeyRole
from wire.outcomes import PROVIDER_FAULTS


def _receipt_reads(arguments: SubmitReceipt) -> Iterator[str]:
    yield state_keys.job(arguments.job_id)
    yield from evidence.signer(arguments.receipt)


def _confirm_reads(arguments: ConfirmResult) -> Iterator[str]:
    yield state_keys.job(arguments.job_id)


class CompletionContract(Contract):
    """Jobs go on."""

    @transaction(SubmitReceipt, reads=_receipt_reads)
    def receipt(self, ctx: Context, arguments: SubmitReceipt) -> None:
        """Take a provider's receipt, whoever hands it in: the provider's signature is the authority."""
        checks.identifiers(job_id=arguments.job_id)
        job = settlement.find(ctx, arguments.job_id, JobRecordState.CREATED, JobRecordState.CONFIRMED)
        receipt = evidence.receipt(
            ctx, arguments.receipt, provider_id=job.provider_id, job_created_at_ms=job.created_at_ms
        )
        if receipt.job_id != job.job_id or receipt.ticket_digest != job.ticket_digest:
            raise Refused(Refusal.WRONG_TICKET)
        receipted = settlement.receipted(ctx, job, receipt)
        if job.state is JobRecordState.CONFIRMED:
            settlement.complete(ctx, receipted)
        elif receipt.exit_state in PROVIDER_FAULTS:
            settlement.release(ctx, receipted.but(state=JobRecordState.FAILED))
        else:
            settlement.store(ctx, receipted.but(state=JobRecordState.RECEIPTED))

    @transaction(ConfirmResult, reads=_confirm_reads)
    def confirm(self, ctx: Context, arguments: ConfirmResult) -> None:
        """Note that the result arrived and how long the controller saw the job take."""
        ctx.require(KeyRole.CONTROLLER)
        checks.identifiers(job_id=arguments.job_id)
        checks.digests(output_digest=arguments.output_digest)
        checks.numbers(observed_ms=arguments.observed_ms)
        job = settlement.find(
            ctx, arguments.job_id, JobRecordState.CREATED, JobRecordState.RECEIPTED, JobRecordState.CLAIMED
        )
        confirmed = job.but(
            observed_ms=arguments.observed_ms,
            confirm_digest=arguments.output_digest,
            received=True,
            confirmed_at_ms=ctx.timestamp_ms,
        )
        if job.state is JobRecordState.CREATED:
            settlement.store(ctx, confirmed.but(state=JobRecordState.CONFIRMED))
        else:
            settlement.complete(ctx, confirmed)
