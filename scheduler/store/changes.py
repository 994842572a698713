"""Every change that the scheduler makes to invocations and jobs, and what can become of one."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from scheduler.specs import VersionSpec
from scheduler.states import JobState
from wire.messages import InvocationReply, InvocationRequest
from wire.money import JobTerms, bill
from wire.outcomes import ExitState, RefusalReason
from wire.problems import Reason


class Verdict(StrEnum):
    """What became of one change."""

    DONE = "done"
    #: The same change was made before.
    REPEATED = "repeated"
    #: The row is no longer in the state that the change starts from.
    MOVED_ON = "moved_on"
    UNKNOWN = "unknown"
    INSUFFICIENT_DEPOSIT = "insufficient_deposit"
    BUDGET_SPENT = "budget_spent"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreInvocation:
    """Commit a new invocation as pending."""

    request: InvocationRequest
    input_digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceJob:
    """Reserve the job's `max_cost_micro`, commit its row, and put `job.create` into the outbox.

    `REPEATED` when the same ticket is there and its job open; `MOVED_ON` when the invocation has ended or is served.
    """

    job_id: str
    invocation_id: UUID
    attempt: int
    version: VersionSpec
    provider_id: UUID
    ticket: str
    ticket_digest: str
    price_nano_per_ms: int
    max_ms: int
    max_cost_micro: int
    placed_at_ms: int
    accept_by_ms: int
    pay_until_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptJob:
    """placed -> accepted."""

    job_id: str
    at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StartJob:
    """placed or accepted -> started."""

    job_id: str
    at_ms: int
    pull_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishJob:
    """An open job -> finished, its invocation -> succeeded or failed; receipt and confirmation into the outbox.

    The exit state is none of the provider's faults. `MOVED_ON` when the job was replaced meanwhile.
    """

    job_id: str
    invocation_id: UUID
    receipt: str
    run_ms: int
    exit_state: ExitState
    output: bytes
    output_digest: str
    observed_ms: int
    finished_at_ms: int
    exit_code: int | None = None
    pull_ms: int = 0
    log_tail: str = ""
    #: Why the invocation failed; none when it succeeded.
    reason: Reason | None = None

    def reply(self, job: JobTerms) -> InvocationReply:
        """Return what the gateway is told, with what its job costs."""
        return InvocationReply(
            invocation_id=str(self.invocation_id),
            reason=self.reason,
            job_id=self.job_id,
            output=self.output if self.reason is None else b"",
            run_ms=self.run_ms,
            cost_micro=bill(job, claimed_ms=self.run_ms, observed_ms=self.observed_ms),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class FailJob:
    """An open job -> failed (receipt of the provider's fault, or refusal) or lost (silence); the invocation stays.

    With a receipt, `job.receipt` goes into the outbox; without, `job.supersede`. Either releases what was held.
    """

    job_id: str
    state: JobState
    at_ms: int
    receipt: str | None = None
    exit_state: ExitState | None = None
    refusal: RefusalReason | None = None
    log_tail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EndInvocation:
    """pending -> failed, without a job that could still serve it."""

    invocation_id: UUID
    reason: Reason
    at_ms: int


Change = StoreInvocation | PlaceJob | AcceptJob | StartJob | FinishJob | FailJob | EndInvocation
