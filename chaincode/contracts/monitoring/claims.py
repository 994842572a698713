"""Claims: a provider demands its pay for a job that nobody confirmed."""

from collections.abc import Iterator

from chaincode.contracts import accounts, checks
from chaincode.contracts.errors import Refused
from chaincode.contracts.monitoring import evidence, settlement
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.contract import Contract, transaction
from wire.ledger import state_keys
from wire.ledger.clocks import CLAIM_MS
from wire.ledger.operations import ClaimJob, PayClaim, RefuseClaim
from wire.ledger.records import FeePolicy, JobRecord, ProviderRecord
from wire.ledger.refusals import Refusal
from wire.ledger.states import JobRecordState, KeyRole
from wire.messages import Receipt, Ticket
from wire.money import MAX_MICRO, cost_of
from wire.outcomes import PROVIDER_FAULTS

#: Jobs that may be claimed. A superseded one is not the developer's to pay any more: the bond pays.
_CLAIMABLE = frozenset(
    {JobRecordState.CREATED, JobRecordState.RECEIPTED, JobRecordState.CONFIRMED, JobRecordState.SUPERSEDED}
)


def _claim_reads(arguments: ClaimJob) -> Iterator[str]:
    yield state_keys.job(arguments.job_id)
    for jws in (arguments.receipt, *arguments.working_keys):
        yield from evidence.signer(jws)


def _job_reads(arguments: PayClaim | RefuseClaim) -> Iterator[str]:
    yield state_keys.job(arguments.job_id)


class ClaimContract(Contract):
    """Claims."""

    @transaction(ClaimJob, reads=_claim_reads)
    def claim(self, ctx: Context, arguments: ClaimJob) -> None:
        """Pay an acknowledged job at once; give the controller a day to confirm or refuse any other."""
        ctx.require(KeyRole.PROVIDER)
        checks.identifiers(job_id=arguments.job_id)
        ticket, digest = evidence.ticket(ctx, arguments)
        if ctx.author.holder != ticket.provider_id:
            raise Refused(Refusal.NOT_AUTHORISED, "the ticket is for another provider")
        if ctx.timestamp_ms > ticket.pay_until_ms:
            raise Refused(Refusal.TOO_LATE, f"the ticket could be paid until {ticket.pay_until_ms}")
        job = _claimable(ctx, ticket, digest)
        receipt = _receipt(ctx, arguments, job, ticket.issued_at_ms)
        acknowledged = evidence.acknowledgement(
            ctx, arguments, ticket_digest=digest, output_digest=receipt.output_digest
        )
        if not acknowledged and ctx.timestamp_ms < ticket.pull_by_ms + ticket.max_ms:
            raise Refused(Refusal.TOO_EARLY, "the job may still be confirmed")
        _take_up(ctx, _with_receipt(ctx, job, receipt), acknowledged=acknowledged)

    @transaction(PayClaim, reads=_job_reads)
    def pay(self, ctx: Context, arguments: PayClaim) -> None:
        """Pay a claim that stood for its time; whoever asks, for time is the authority."""
        checks.identifiers(job_id=arguments.job_id)
        job = settlement.find(ctx, arguments.job_id, JobRecordState.CLAIMED)
        due = (job.claimed_at_ms or 0) + CLAIM_MS
        if ctx.timestamp_ms < due:
            raise Refused(Refusal.TOO_EARLY, f"the controller may refuse the claim until {due}")
        _pay(ctx, job)

    @transaction(RefuseClaim, reads=_job_reads)
    def refuse(self, ctx: Context, arguments: RefuseClaim) -> None:
        """Refuse a claim, with a reason that everybody can read."""
        ctx.require(KeyRole.CONTROLLER)
        checks.identifiers(job_id=arguments.job_id)
        checks.text("reason", arguments.reason, 200)
        job = settlement.find(ctx, arguments.job_id, JobRecordState.CLAIMED)
        settlement.release(ctx, job.but(state=JobRecordState.REFUSED, reason=arguments.reason))


def _claimable(ctx: Context, ticket: Ticket, digest: str) -> JobRecord:
    """Return the job as the ledger has it, or as its ticket promises it."""
    job = ctx.cache.get(JobRecord, state_keys.job(ticket.job_id))
    if job is None:
        return _promised(ctx, ticket, digest)
    if job.ticket_digest != digest or job.provider_id != ticket.provider_id:
        raise Refused(Refusal.WRONG_TICKET)
    if job.state not in _CLAIMABLE:
        raise Refused(Refusal.WRONG_STATE, f"job {job.job_id} is {job.state}")
    return job


def _promised(ctx: Context, ticket: Ticket, digest: str) -> JobRecord:
    """Return the record of a job that was never created: a signed ticket is the controller's debt."""
    checks.identifiers(
        job_id=ticket.job_id,
        invocation_id=ticket.invocation_id,
        developer_id=ticket.developer_id,
        version_id=ticket.version_id,
    )
    checks.within("max_ms", ticket.max_ms, (1, 2**53))
    checks.numbers(
        price_nano_per_ms=ticket.price_nano_per_ms, pay_until_ms=ticket.pay_until_ms, issued_at_ms=ticket.issued_at_ms
    )
    largest = cost_of(run_ms=ticket.max_ms, price_nano_per_ms=ticket.price_nano_per_ms)
    checks.within("max_cost_micro", largest, (0, MAX_MICRO))
    provider = ctx.record(ProviderRecord, state_keys.provider(ticket.provider_id), Refusal.UNKNOWN_PROVIDER)
    return JobRecord(
        job_id=ticket.job_id,
        invocation_id=ticket.invocation_id,
        replicas=1,
        developer_id=ticket.developer_id,
        provider_id=ticket.provider_id,
        account_id=provider.account_id,
        version_id=ticket.version_id,
        price_nano_per_ms=ticket.price_nano_per_ms,
        max_ms=ticket.max_ms,
        max_cost_micro=largest,
        fee_policy=ctx.record(FeePolicy, state_keys.fee_policy(), Refusal.RAISED),
        ticket_digest=digest,
        pay_until_ms=ticket.pay_until_ms,
        placed_at_ms=ticket.issued_at_ms,
        state=JobRecordState.SUPERSEDED,
        created_at_ms=ctx.timestamp_ms,
    )


def _receipt(ctx: Context, claim: ClaimJob, job: JobRecord, issued_at_ms: int) -> Receipt:
    said = evidence.receipt(ctx, claim.receipt, provider_id=job.provider_id, job_created_at_ms=issued_at_ms)
    if said.job_id != job.job_id or said.ticket_digest != job.ticket_digest:
        raise Refused(Refusal.WRONG_TICKET)
    if said.exit_state in PROVIDER_FAULTS:
        raise Refused(Refusal.NOTHING_DUE)
    if job.receipt_digest is not None and said.output_digest != job.receipt_digest:
        raise Refused(Refusal.WRONG_TICKET, "another receipt of this job is on the record")
    return said


def _with_receipt(ctx: Context, job: JobRecord, receipt: Receipt) -> JobRecord:
    """Return the job with its receipt; the first one that was handed in counts."""
    if job.receipt_digest is not None:
        return job
    return settlement.receipted(ctx, job, receipt)


def _take_up(ctx: Context, job: JobRecord, *, acknowledged: bool) -> None:
    confirmed = job.state is JobRecordState.CONFIRMED
    if confirmed and job.confirm_digest != job.receipt_digest:
        settlement.store(ctx, job.but(state=JobRecordState.MISMATCH))
        return
    payer = ""
    if job.state is JobRecordState.SUPERSEDED:
        accounts.hold_bond(ctx, job.max_cost_micro)
        payer = state_keys.BOND_ACCOUNT
    claimed = job.but(
        state=JobRecordState.CLAIMED,
        payer_id=payer,
        received=acknowledged or confirmed,
        claimed_at_ms=ctx.timestamp_ms,
    )
    if claimed.received:
        _pay(ctx, claimed)
    else:
        settlement.store(ctx, claimed)


def _pay(ctx: Context, job: JobRecord) -> None:
    """Pay a claim; where the invocation's developer has paid for enough jobs already, out of the bond."""
    if not settlement.may_settle(ctx, job):
        settlement.let_go(ctx, job)
        accounts.hold_bond(ctx, job.max_cost_micro)
        job = job.but(payer_id=state_keys.BOND_ACCOUNT)
    settlement.pay(ctx, job.but(state=JobRecordState.SETTLED), settlement.due_ms(job))
