"""How a job begins: within what its developer published, and with its largest cost held."""

from collections.abc import Iterator

from chaincode.contracts import accounts, checks
from chaincode.contracts.errors import Refused
from chaincode.contracts.monitoring import settlement
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.contract import Contract, transaction
from wire.codec import to_plain
from wire.ledger import state_keys
from wire.ledger.clocks import EARLIEST_PLACED_MS, LATEST_PLACED_MS, LONGEST_PAY_MS
from wire.ledger.operations import CreateJob
from wire.ledger.records import FeePolicy, InvocationRecord, JobRecord, ProviderRecord, Spent, VersionRecord
from wire.ledger.refusals import Refusal
from wire.ledger.states import JobRecordState, KeyRole
from wire.money import cost_of

#: Jobs of one invocation that may settle.
MOST_REPLICAS = 16


def _create_reads(arguments: CreateJob) -> Iterator[str]:
    yield state_keys.job(arguments.job_id)
    yield state_keys.invocation(arguments.invocation_id)
    yield state_keys.version(arguments.version_id)
    yield state_keys.provider(arguments.provider_id)
    yield state_keys.account(arguments.developer_id)
    yield state_keys.fee_policy()
    yield state_keys.spent(arguments.version_id, arguments.placed_at_ms)


class CreationContract(Contract):
    """Jobs begin."""

    @transaction(CreateJob, reads=_create_reads)
    def create(self, ctx: Context, arguments: CreateJob) -> None:
        """Record a job and hold its largest cost, or refuse this one job."""
        ctx.require(KeyRole.CONTROLLER)
        _check(arguments)
        checks.within("pay_until_ms", arguments.pay_until_ms, (0, ctx.timestamp_ms + LONGEST_PAY_MS))
        earliest, latest = ctx.timestamp_ms - EARLIEST_PLACED_MS, ctx.timestamp_ms + LATEST_PLACED_MS
        checks.within("placed_at_ms", arguments.placed_at_ms, (earliest, latest))
        if ctx.cache.get(JobRecord, state_keys.job(arguments.job_id)):
            raise Refused(Refusal.JOB_EXISTS)
        provider = ctx.record(ProviderRecord, state_keys.provider(arguments.provider_id), Refusal.UNKNOWN_PROVIDER)
        version = ctx.record(VersionRecord, state_keys.version(arguments.version_id), Refusal.UNKNOWN_VERSION)
        _keep_within(version, arguments)
        _spend_budget(ctx, version, arguments)
        _count_attempt(ctx, arguments)
        accounts.hold(ctx, arguments.developer_id, arguments.max_cost_micro)
        job = JobRecord.new(
            **to_plain(arguments),
            account_id=provider.account_id,
            fee_policy=ctx.record(FeePolicy, state_keys.fee_policy(), Refusal.RAISED),
            state=JobRecordState.CREATED,
            created_at_ms=ctx.timestamp_ms,
        )
        settlement.store(ctx, job)


def _check(arguments: CreateJob) -> None:
    checks.identifiers(
        job_id=arguments.job_id,
        invocation_id=arguments.invocation_id,
        developer_id=arguments.developer_id,
        provider_id=arguments.provider_id,
        version_id=arguments.version_id,
    )
    checks.digests(ticket_digest=arguments.ticket_digest)
    checks.within("replicas", arguments.replicas, (1, MOST_REPLICAS))
    checks.numbers(
        price_nano_per_ms=arguments.price_nano_per_ms,
        max_cost_micro=arguments.max_cost_micro,
    )


def _keep_within(version: VersionRecord, arguments: CreateJob) -> None:
    if version.developer_id != arguments.developer_id:
        raise Refused(Refusal.NOT_THE_DEVELOPER)
    if arguments.price_nano_per_ms > version.price_ceiling_nano_per_ms:
        raise Refused(Refusal.OVER_CEILING, f"the ceiling is {version.price_ceiling_nano_per_ms} nano-credits per ms")
    if not 1 <= arguments.max_ms <= version.timeout_ms:
        raise Refused(Refusal.OVER_TIMEOUT, f"max_ms: expected 1 to {version.timeout_ms}")
    largest = cost_of(run_ms=arguments.max_ms, price_nano_per_ms=arguments.price_nano_per_ms)
    if arguments.max_cost_micro != largest:
        raise Refused(Refusal.WRONG_COST, f"max_cost_micro: expected {largest}")


def _spend_budget(ctx: Context, version: VersionRecord, arguments: CreateJob) -> None:
    """Count a job on the day on which it was placed, as the portal did: this block may be of the next one."""
    key = state_keys.spent(version.version_id, arguments.placed_at_ms)
    spent = (ctx.cache.get(Spent, key) or Spent()).amount + arguments.max_cost_micro
    if spent > version.budget_micro_per_day:
        raise Refused(Refusal.OVER_BUDGET, f"the budget is {version.budget_micro_per_day} micro-credits a day")
    ctx.cache.put(key, Spent(amount=spent))


def _count_attempt(ctx: Context, arguments: CreateJob) -> None:
    key = state_keys.invocation(arguments.invocation_id)
    invocation = ctx.cache.get(InvocationRecord, key) or InvocationRecord(replicas=arguments.replicas)
    if invocation.replicas != arguments.replicas:
        raise Refused(Refusal.WRONG_REPLICAS, f"replicas: expected {invocation.replicas}")
    if invocation.settled >= invocation.replicas:
        raise Refused(Refusal.INVOCATION_SETTLED)
    counted = InvocationRecord(replicas=invocation.replicas, open=invocation.open + 1, settled=invocation.settled)
    ctx.cache.put(key, counted)
