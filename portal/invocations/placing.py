"""Writes when invocations come in and jobs are placed: rows, what they may cost, and their creation on the ledger."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import NamedTuple, TypeVar
from uuid import UUID

from django.db.models import F

from portal.books.models import Balance, Reservation
from portal.invocations.models import DailySpending, Invocation, Job
from portal.moments import moment
from portal.outbox.operations import Outgoing, enqueue_all
from scheduler.states import OPEN_JOB_STATES, InvocationState, JobState
from scheduler.store.changes import PlaceJob, StoreInvocation, Verdict
from wire.ledger.operations import ConfirmResult, CreateJob, SubmitReceipt, SupersedeJob, operation_id_of

K = TypeVar("K")


class Budget(NamedTuple):
    """What a function may spend on one day, by one of its versions."""

    function_id: UUID
    day: date
    limit_micro: int


def day_of(at: datetime) -> date:
    """Return the day (UTC) on whose budget a job placed at this time counts."""
    return at.astimezone(UTC).date()


def of_job(arguments: CreateJob | SubmitReceipt | ConfirmResult | SupersedeJob) -> Outgoing:
    """Return what goes to the ledger about a job, once of each kind."""
    job_id = arguments.job_id
    return Outgoing(operation_id=operation_id_of(type(arguments), job_id), arguments=arguments, subject=job_id)


def store_invocations(changes: Sequence[StoreInvocation]) -> list[Verdict]:
    """Commit new invocations as pending."""
    ids = [UUID(change.request.invocation_id) for change in changes]
    known = set(Invocation.objects.filter(id__in=ids).values_list("id", flat=True))
    Invocation.objects.bulk_create(
        _row(change, id_) for change, id_ in zip(changes, ids, strict=True) if id_ not in known
    )
    return [Verdict.REPEATED if id_ in known else Verdict.DONE for id_ in ids]


def place_jobs(changes: Sequence[PlaceJob], *, term: int) -> list[Verdict]:
    """Reserve what the jobs may cost, commit their rows, and put their creation into the outbox."""
    verdicts = _objections(changes)
    free = [change for change in changes if change.job_id not in verdicts]
    verdicts |= _charge(free)
    placed = [change for change in free if verdicts[change.job_id] is Verdict.DONE]
    if placed:
        Job.objects.bulk_create(_job(change, term) for change in placed)
        Reservation.objects.bulk_create(
            Reservation(
                job_id=change.job_id,
                account_id=str(change.version.developer_id),
                amount_micro=change.max_cost_micro,
            )
            for change in placed
        )
        enqueue_all([_creation(change) for change in placed], now=moment(placed[0].placed_at_ms))
    return [verdicts[change.job_id] for change in changes]


def give_back(amounts: Sequence[tuple[UUID, datetime, int]]) -> None:
    """Give a function back what its jobs did not spend of the budget of the day on which they were placed."""
    sums: defaultdict[tuple[UUID, date], int] = defaultdict(int)
    for function_id, placed_at, amount in amounts:
        sums[function_id, day_of(placed_at)] += amount
    for (function_id, day), amount in sums.items():
        rows = DailySpending.objects.filter(function_id=function_id, day=day)
        rows.update(spent_micro=F("spent_micro") - amount)


def _objections(changes: Sequence[PlaceJob]) -> dict[str, Verdict]:
    """Return the verdict on each job that cannot be placed whatever it costs."""
    wanted = Invocation.objects.filter(id__in=[change.invocation_id for change in changes])
    states: dict[UUID, str] = {}
    jobs: dict[str, tuple[str, bool]] = {}
    busy: set[UUID] = set()
    for id_, state, job_id, digest, job_state in wanted.values_list(
        "id", "state", "jobs__id", "jobs__ticket_digest", "jobs__state"
    ):
        states[id_] = state
        jobs[job_id] = digest, job_state in OPEN_JOB_STATES
        busy |= {id_} if job_state in OPEN_JOB_STATES else set()
    verdicts = {}
    for change in changes:
        if change.job_id in jobs:
            same = jobs[change.job_id] == (change.ticket_digest, True)
            verdicts[change.job_id] = Verdict.REPEATED if same else Verdict.MOVED_ON
        elif change.invocation_id not in states:
            verdicts[change.job_id] = Verdict.UNKNOWN
        elif states[change.invocation_id] != InvocationState.PENDING or change.invocation_id in busy:
            verdicts[change.job_id] = Verdict.MOVED_ON
    return verdicts


def _charge(changes: Sequence[PlaceJob]) -> dict[str, Verdict]:
    """Take what the jobs may cost from the day's budget and from the developer's deposit; both or none."""
    verdicts = dict.fromkeys([change.job_id for change in changes], Verdict.DONE)
    within: list[PlaceJob] = []
    for budget, jobs in _grouped(changes, _budget).items():
        granted, denied = _grant(jobs, partial(_spend, budget))
        within += granted
        verdicts |= dict.fromkeys([change.job_id for change in denied], Verdict.BUDGET_SPENT)
    for developer_id, jobs in _grouped(within, lambda change: change.version.developer_id).items():
        _, denied = _grant(jobs, partial(_reserve, developer_id))
        verdicts |= dict.fromkeys([change.job_id for change in denied], Verdict.INSUFFICIENT_DEPOSIT)
        give_back([(item.version.function_id, moment(item.placed_at_ms), item.max_cost_micro) for item in denied])
    return verdicts


def _grant(changes: Sequence[PlaceJob], take: Callable[[int], bool]) -> tuple[Sequence[PlaceJob], Sequence[PlaceJob]]:
    """Take for all at once; where that is too much, one by one. Return who got it and who did not."""
    if take(sum(change.max_cost_micro for change in changes)):
        return changes, ()
    if len(changes) == 1:
        return (), changes
    answers = [(change, take(change.max_cost_micro)) for change in changes]
    return [change for change, granted in answers if granted], [change for change, granted in answers if not granted]


def _spend(budget: Budget, amount: int) -> bool:
    rows = DailySpending.objects.filter(function_id=budget.function_id, day=budget.day)
    within = rows.filter(spent_micro__lte=budget.limit_micro - amount)
    if within.update(spent_micro=F("spent_micro") + amount):
        return True
    if amount > budget.limit_micro or rows.exists():
        return False
    # The day's first job.
    DailySpending.objects.create(function_id=budget.function_id, day=budget.day, spent_micro=amount)
    return True


def _reserve(developer_id: UUID, amount: int) -> bool:
    rows = Balance.objects.filter(account_id=str(developer_id), deposit_micro__gte=F("reserved_micro") + amount)
    return bool(rows.update(reserved_micro=F("reserved_micro") + amount))


def _budget(change: PlaceJob) -> Budget:
    version = change.version
    return Budget(version.function_id, day_of(moment(change.placed_at_ms)), version.budget_micro_per_day)


def _grouped(changes: Sequence[PlaceJob], key: Callable[[PlaceJob], K]) -> dict[K, list[PlaceJob]]:
    groups: dict[K, list[PlaceJob]] = {}
    for change in changes:
        groups.setdefault(key(change), []).append(change)
    return groups


def _row(change: StoreInvocation, id_: UUID) -> Invocation:
    request = change.request
    return Invocation(
        id=id_,
        version_id=UUID(request.version_id),
        caller_id=UUID(request.caller_id) if request.caller_id else None,
        input=request.input,
        input_type=request.input_type,
        input_digest=change.input_digest,
        replies_to=request.replies_to,
        requested_at=moment(request.requested_at_ms),
        deadline_at=moment(request.deadline_at_ms),
    )


def _job(change: PlaceJob, term: int) -> Job:
    return Job(
        id=change.job_id,
        invocation_id=change.invocation_id,
        attempt=change.attempt,
        provider_id=change.provider_id,
        state=JobState.PLACED,
        term=term,
        ticket=change.ticket,
        ticket_digest=change.ticket_digest,
        price_nano_per_ms=change.price_nano_per_ms,
        max_ms=change.max_ms,
        max_cost_micro=change.max_cost_micro,
        placed_at=moment(change.placed_at_ms),
        accept_by=moment(change.accept_by_ms),
        pay_until=moment(change.pay_until_ms),
    )


def _creation(change: PlaceJob) -> Outgoing:
    return of_job(
        CreateJob(
            job_id=change.job_id,
            invocation_id=str(change.invocation_id),
            replicas=1,
            developer_id=str(change.version.developer_id),
            provider_id=str(change.provider_id),
            version_id=str(change.version.version_id),
            price_nano_per_ms=change.price_nano_per_ms,
            max_ms=change.max_ms,
            max_cost_micro=change.max_cost_micro,
            ticket_digest=change.ticket_digest,
            pay_until_ms=change.pay_until_ms,
            placed_at_ms=change.placed_at_ms,
        )
    )
