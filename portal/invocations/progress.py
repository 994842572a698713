"""Writes while jobs run and end: each is a conditional UPDATE that names the state it starts from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from portal.invocations.models import Invocation, Job, Result
from portal.invocations.placing import give_back, of_job
from portal.moments import moment
from portal.outbox.operations import Outgoing, enqueue_all
from scheduler.states import JOB_MOVES, OPEN_JOB_STATES, InvocationState, JobState
from scheduler.store.changes import AcceptJob, EndInvocation, FailJob, FinishJob, StartJob, Verdict
from wire.ledger.operations import ConfirmResult, SubmitReceipt, SupersedeJob
from wire.money import bill
from wire.problems import Reason

#: How long a result can be fetched.
RESULT_KEPT = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRow:
    """What these writes have to know of a job."""

    id: str
    state: str
    output_digest: str
    placed_at: datetime
    max_ms: int
    price_nano_per_ms: int
    max_cost_micro: int
    function_id: UUID

    def unspent(self, cost: int) -> tuple[UUID, datetime, int]:
        """Return what goes back to the function's budget when the job costs so much."""
        return self.function_id, self.placed_at, self.max_cost_micro - cost


def accept_jobs(changes: Sequence[AcceptJob]) -> list[Verdict]:
    """Placed -> accepted."""
    return [_moved(change.job_id, JobState.ACCEPTED, accepted_at=moment(change.at_ms)) for change in changes]


def start_jobs(changes: Sequence[StartJob]) -> list[Verdict]:
    """Placed or accepted -> started."""
    return [
        _moved(
            change.job_id,
            JobState.STARTED,
            accepted_at=Coalesce("accepted_at", Value(moment(change.at_ms))),
            started_at=moment(change.at_ms),
            pull_ms=change.pull_ms,
        )
        for change in changes
    ]


def finish_jobs(changes: Sequence[FinishJob]) -> list[Verdict]:
    """Store results: open -> finished, invocation -> succeeded or failed, receipt and confirmation to the ledger."""
    now = timezone.now()
    rows = _rows(change.job_id for change in changes)
    verdicts = {change.job_id: _finish(change, rows.get(change.job_id), now) for change in changes}
    done = [change for change in changes if verdicts[change.job_id] is Verdict.DONE]
    if done:
        Result.objects.bulk_create(_result(change, now) for change in done if change.reason is None)
        enqueue_all([item for change in done for item in _proof(change)], now=now)
        give_back([rows[change.job_id].unspent(_cost(change, rows[change.job_id])) for change in done])
    return [verdicts[change.job_id] for change in changes]


def fail_jobs(changes: Sequence[FailJob]) -> list[Verdict]:
    """Open -> failed or lost; what was held on the ledger is released by the receipt or by superseding."""
    rows = _rows(change.job_id for change in changes)
    verdicts = {change.job_id: _fail(change) for change in changes}
    done = [change for change in changes if verdicts[change.job_id] is Verdict.DONE]
    if done:
        enqueue_all([item for change in done for item in _release(change)], now=moment(done[0].at_ms))
        give_back([rows[change.job_id].unspent(0) for change in done])
    return [verdicts[change.job_id] for change in changes]


def end_invocations(changes: Sequence[EndInvocation]) -> list[Verdict]:
    """Pending -> failed; a job that is still open is given up."""
    ids = [change.invocation_id for change in changes]
    still_open = Job.objects.filter(invocation_id__in=ids, state__in=OPEN_JOB_STATES)
    at_ms = {change.invocation_id: change.at_ms for change in changes}
    fail_jobs(
        [
            FailJob(job_id=job_id, state=JobState.LOST, at_ms=at_ms[invocation_id])
            for job_id, invocation_id in still_open.values_list("id", "invocation_id")
        ]
    )
    return [_end(change) for change in changes]


def end(invocation_id: UUID, *, reason: Reason | None, at: datetime) -> bool:
    """Move a pending invocation to its end: succeeded, or failed for a reason. Return whether it moved.

    The one place where an invocation ends: once, and in the scheduler's database transaction.
    """
    state = InvocationState.FAILED if reason else InvocationState.SUCCEEDED
    pending = Invocation.objects.filter(id=invocation_id, state=InvocationState.PENDING)
    return bool(pending.update(state=state, reason=reason or "", ended_at=at, input=None))


def _finish(change: FinishJob, row: JobRow | None, now: datetime) -> Verdict:
    if row is None:
        return Verdict.UNKNOWN
    if row.state == JobState.FINISHED:
        return Verdict.REPEATED if row.output_digest == change.output_digest else Verdict.MOVED_ON
    columns: dict[str, Any] = {
        "receipt": change.receipt,
        "exit_state": change.exit_state,
        "exit_code": change.exit_code,
        "log_tail": change.log_tail,
        "claimed_ms": change.run_ms,
        "observed_ms": change.observed_ms,
        "pull_ms": change.pull_ms,
        "output_digest": change.output_digest,
        "finished_at": moment(change.finished_at_ms),
        "stored_at": now,
    }
    open_job = Job.objects.filter(id=change.job_id, state__in=OPEN_JOB_STATES)
    if not open_job.update(state=JobState.FINISHED, ticket="", **columns):
        # Replaced meanwhile: kept beside the job for who has to judge it, and delivered to nobody.
        Job.objects.filter(id=change.job_id, state=JobState.LOST, receipt="").update(**columns)
        return Verdict.MOVED_ON
    end(change.invocation_id, reason=change.reason, at=now)
    return Verdict.DONE


def _fail(change: FailJob) -> Verdict:
    return _moved(
        change.job_id,
        change.state,
        ticket="",
        receipt=change.receipt or "",
        exit_state=change.exit_state or "",
        refusal=change.refusal or "",
        log_tail=change.log_tail,
        finished_at=moment(change.at_ms),
    )


def _end(change: EndInvocation) -> Verdict:
    if end(change.invocation_id, reason=change.reason, at=moment(change.at_ms)):
        return Verdict.DONE
    reason = Invocation.objects.filter(id=change.invocation_id).values_list("reason", flat=True).first()
    if reason is None:
        return Verdict.UNKNOWN
    return Verdict.REPEATED if reason == change.reason else Verdict.MOVED_ON


def _moved(job_id: str, new: JobState, **columns: Any) -> Verdict:
    """Move a job along its life; the WHERE clause is the lock."""
    if Job.objects.filter(id=job_id, state__in=JOB_MOVES[new]).update(state=new, **columns):
        return Verdict.DONE
    state = Job.objects.filter(id=job_id).values_list("state", flat=True).first()
    if state is None:
        return Verdict.UNKNOWN
    return Verdict.REPEATED if state == new else Verdict.MOVED_ON


def _rows(job_ids: Iterable[str]) -> dict[str, JobRow]:
    fields = ("id", "state", "output_digest", "placed_at", "max_ms", "price_nano_per_ms", "max_cost_micro")
    found = Job.objects.filter(id__in=list(job_ids)).values_list(*fields, "invocation__version__function_id")
    names = (*fields, "function_id")
    return {row[0]: JobRow(**dict(zip(names, row, strict=True))) for row in found}


def _cost(change: FinishJob, row: JobRow) -> int:
    return bill(row, claimed_ms=change.run_ms, observed_ms=change.observed_ms)


def _result(change: FinishJob, now: datetime) -> Result:
    return Result(
        invocation_id=change.invocation_id,
        job_id=change.job_id,
        output=change.output,
        output_digest=change.output_digest,
        stored_at=now,
        expires_at=now + RESULT_KEPT,
    )


def _proof(change: FinishJob) -> tuple[Outgoing, Outgoing]:
    job_id = change.job_id
    confirmation = ConfirmResult(job_id=job_id, output_digest=change.output_digest, observed_ms=change.observed_ms)
    return of_job(SubmitReceipt(job_id=job_id, receipt=change.receipt)), of_job(confirmation)


def _release(change: FailJob) -> list[Outgoing]:
    """Release what a job holds: by its receipt, and should the ledger refuse that one, by superseding all the same."""
    superseded = of_job(SupersedeJob(job_id=change.job_id))
    if not change.receipt:
        return [superseded]
    return [of_job(SubmitReceipt(job_id=change.job_id, receipt=change.receipt)), superseded]
