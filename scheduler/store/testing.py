"""The store in memory; it passes the same suite as the real one (tests/support)."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from scheduler.errors import StoreUnavailable, TermSuperseded
from scheduler.specs import ProviderSpec, VersionSpec
from scheduler.states import JOB_MOVES, OPEN_JOB_STATES, InvocationState, JobState
from scheduler.store.changes import (
    AcceptJob,
    Change,
    EndInvocation,
    FailJob,
    FinishJob,
    PlaceJob,
    StartJob,
    StoreInvocation,
    Verdict,
)
from scheduler.store.ports import OpenInvocation, OpenJob, SeenProvider, TakeOver
from wire.ledger.operations import ConfirmResult, CreateJob, SubmitReceipt, SupersedeJob, operation_id_of
from wire.messages import InvocationReply, InvocationRequest
from wire.problems import Reason


@dataclass(slots=True)
class InvocationRow:
    """An invocation's row."""

    request: InvocationRequest
    state: InvocationState = InvocationState.PENDING
    reason: Reason | None = None
    answer: InvocationReply | None = None


@dataclass(slots=True)
class StoredJob:
    """A job's row."""

    place: PlaceJob
    state: JobState = JobState.PLACED
    finish: FinishJob | None = None
    receipt: str = ""


@dataclass(slots=True)
class InMemoryStore:
    """A store that forgets everything when the process ends."""

    versions: dict[UUID, VersionSpec] = field(default_factory=dict)
    enrolled: dict[UUID, ProviderSpec] = field(default_factory=dict)
    #: What each developer's deposit still covers.
    deposits: dict[UUID, int] = field(default_factory=dict)
    spent: defaultdict[tuple[UUID, date], int] = field(default_factory=lambda: defaultdict(int))
    invocations: dict[UUID, InvocationRow] = field(default_factory=dict)
    jobs: dict[str, StoredJob] = field(default_factory=dict)
    #: Operation ids in the order in which they go to the ledger.
    outbox: list[str] = field(default_factory=list)
    shown: dict[UUID, SeenProvider] = field(default_factory=dict)
    term: int = 0
    #: While False every call fails as a database does that cannot be reached.
    available: bool = True

    def take_over(self, *, now_ms: int) -> TakeOver:
        """Begin a new term and return what is open."""
        del now_ms
        self.term += 1
        pending = [item for item in self.invocations.values() if item.state is InvocationState.PENDING]
        return TakeOver(
            term=self.term,
            jobs=tuple(
                OpenJob(
                    job_id=job.place.job_id,
                    invocation_id=job.place.invocation_id,
                    state=job.state,
                    ticket=job.place.ticket,
                )
                for job in self.jobs.values()
                if job.state in OPEN_JOB_STATES
            ),
            invocations=tuple(self._open_invocation(item.request) for item in pending),
            seen=tuple(self.shown.values()),
        )

    def version(self, version_id: UUID) -> VersionSpec | None:
        """Return a version."""
        return self.versions.get(version_id)

    def providers(self) -> Sequence[ProviderSpec]:
        """Return all providers that are not revoked."""
        return list(self.enrolled.values())

    def apply(self, term: int, changes: Sequence[Change]) -> Sequence[Verdict]:
        """Make all changes in order."""
        self._fence(term)
        return [self._make(change) for change in changes]

    def job_invocation(self, job_id: str) -> UUID | None:
        """Return whose job this is."""
        job = self.jobs.get(job_id)
        return job.place.invocation_id if job else None

    def outcome(self, invocation_id: UUID) -> InvocationReply | None:
        """Return how an invocation ended."""
        stored = self.invocations.get(invocation_id)
        return stored.answer if stored else None

    def seen(self, term: int, providers: Sequence[SeenProvider]) -> None:
        """Store what heartbeats said."""
        self._fence(term)
        self.shown |= {item.provider_id: item for item in providers}

    def clean_up(self, term: int, *, now_ms: int) -> int:
        """Delete nothing: nothing lives long enough."""
        del now_ms
        self._fence(term)
        return 0

    def _fence(self, term: int) -> None:
        if not self.available:
            raise StoreUnavailable("switched off")
        if term != self.term:
            raise TermSuperseded(f"term {term} was followed by {self.term}")

    def _make(self, change: Change) -> Verdict:
        steps: dict[type[Change], Callable[[Any], Verdict]] = {
            StoreInvocation: self._store,
            PlaceJob: self._place,
            AcceptJob: lambda accepted: self._move(accepted.job_id, JobState.ACCEPTED),
            StartJob: lambda started: self._move(started.job_id, JobState.STARTED),
            FinishJob: self._finish,
            FailJob: self._fail,
            EndInvocation: self._end,
        }
        return steps[type(change)](change)

    def _store(self, change: StoreInvocation) -> Verdict:
        invocation_id = UUID(change.request.invocation_id)
        if invocation_id in self.invocations:
            return Verdict.REPEATED
        self.invocations[invocation_id] = InvocationRow(change.request)
        return Verdict.DONE

    def _place(self, change: PlaceJob) -> Verdict:
        stored = self.invocations.get(change.invocation_id)
        if known := self.jobs.get(change.job_id):
            same = known.place.ticket_digest == change.ticket_digest and known.state in OPEN_JOB_STATES
            return Verdict.REPEATED if same else Verdict.MOVED_ON
        if stored is None:
            return Verdict.UNKNOWN
        if stored.state is not InvocationState.PENDING or self._open_jobs(change.invocation_id):
            return Verdict.MOVED_ON
        day, cost = _spending(change), change.max_cost_micro
        if self.spent[day] + cost > change.version.budget_micro_per_day:
            return Verdict.BUDGET_SPENT
        if self.deposits.get(change.version.developer_id, 0) < cost:
            return Verdict.INSUFFICIENT_DEPOSIT
        self.spent[day] += cost
        self.deposits[change.version.developer_id] -= cost
        self.jobs[change.job_id] = StoredJob(change)
        self.outbox.append(operation_id_of(CreateJob, change.job_id))
        return Verdict.DONE

    def _move(self, job_id: str, new: JobState) -> Verdict:
        job = self.jobs.get(job_id)
        if job is None:
            return Verdict.UNKNOWN
        if job.state not in JOB_MOVES[new]:
            return Verdict.REPEATED if job.state is new else Verdict.MOVED_ON
        job.state = new
        return Verdict.DONE

    def _finish(self, change: FinishJob) -> Verdict:
        job = self.jobs.get(change.job_id)
        if job is not None and job.state is JobState.FINISHED and job.finish is not None:
            return Verdict.REPEATED if job.finish.output_digest == change.output_digest else Verdict.MOVED_ON
        if job is not None and job.state is JobState.LOST:
            job.receipt = job.receipt or change.receipt
        verdict = self._move(change.job_id, JobState.FINISHED)
        if job is None or verdict is not Verdict.DONE:
            return verdict
        job.finish, job.receipt = change, change.receipt
        answer = change.reply(job.place)
        self.spent[_spending(job.place)] -= job.place.max_cost_micro - answer.cost_micro
        stored = self.invocations[change.invocation_id]
        stored.state = InvocationState.FAILED if change.reason else InvocationState.SUCCEEDED
        stored.reason, stored.answer = change.reason, answer
        self.outbox += [operation_id_of(SubmitReceipt, change.job_id), operation_id_of(ConfirmResult, change.job_id)]
        return Verdict.DONE

    def _fail(self, change: FailJob) -> Verdict:
        verdict = self._move(change.job_id, change.state)
        if verdict is Verdict.DONE:
            job = self.jobs[change.job_id]
            job.receipt = change.receipt or ""
            self.spent[_spending(job.place)] -= job.place.max_cost_micro
            self.outbox += [operation_id_of(SubmitReceipt, change.job_id)] if change.receipt else []
            self.outbox.append(operation_id_of(SupersedeJob, change.job_id))
        return verdict

    def _end(self, change: EndInvocation) -> Verdict:
        stored = self.invocations.get(change.invocation_id)
        if stored is None:
            return Verdict.UNKNOWN
        if stored.state is not InvocationState.PENDING:
            return Verdict.REPEATED if stored.reason is change.reason else Verdict.MOVED_ON
        for job in self._open_jobs(change.invocation_id):
            self._fail(FailJob(job_id=job.place.job_id, state=JobState.LOST, at_ms=change.at_ms))
        stored.state, stored.reason = InvocationState.FAILED, change.reason
        stored.answer = InvocationReply(invocation_id=str(change.invocation_id), reason=change.reason)
        return Verdict.DONE

    def _open_jobs(self, invocation_id: UUID) -> list[StoredJob]:
        jobs = (job for job in self.jobs.values() if job.place.invocation_id == invocation_id)
        return [job for job in jobs if job.state in OPEN_JOB_STATES]

    def _open_invocation(self, request: InvocationRequest) -> OpenInvocation:
        jobs = [job.place for job in self.jobs.values() if str(job.place.invocation_id) == request.invocation_id]
        tried = tuple(job.provider_id for job in jobs)
        return OpenInvocation(request=replace(request, respond_async=False), attempts=len(jobs), tried=tried)


def _spending(place: PlaceJob) -> tuple[UUID, date]:
    return place.version.function_id, datetime.fromtimestamp(place.placed_at_ms / 1000, UTC).date()
