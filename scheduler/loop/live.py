"""What the scheduler has in its head: pending invocations, their open jobs, and who waits for a provider."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from scheduler import clocks
from scheduler.placement import Need
from scheduler.silence import SilenceLimit
from scheduler.specs import VersionSpec
from scheduler.states import JOB_MOVES, JobState
from scheduler.tickets import digest_of
from wire.messages import InvocationRequest, Ticket

#: More invocations than these are not taken in.
MAX_INVOCATIONS = 10_000
MAX_INPUT_BYTES = 512 * 1024 * 1024


@dataclass(slots=True)
class LiveJob:
    """An open job."""

    job_id: str
    provider_id: UUID
    ticket: str
    ticket_digest: str
    price_nano_per_ms: int
    max_ms: int
    placed_at_ms: int
    accept_by_ms: int
    state: JobState = JobState.PLACED
    #: Whether the broker confirmed its ticket.
    sent: bool = False
    silence: SilenceLimit = field(init=False)

    def __post_init__(self) -> None:
        """Begin to wait for it."""
        accept_until_ms = self.accept_by_ms + clocks.ACCEPT_GRACE_MS
        self.silence = SilenceLimit(timeout_ms=self.max_ms, accept_until_ms=accept_until_ms)

    @classmethod
    def of_ticket(cls, jws: str, ticket: Ticket, state: JobState = JobState.PLACED) -> "LiveJob":
        """Return the job that a ticket orders."""
        return cls(
            job_id=ticket.job_id,
            provider_id=UUID(ticket.provider_id),
            ticket=jws,
            ticket_digest=digest_of(jws),
            price_nano_per_ms=ticket.price_nano_per_ms,
            max_ms=ticket.max_ms,
            placed_at_ms=ticket.issued_at_ms,
            accept_by_ms=ticket.accept_by_ms,
            state=state,
            sent=state is not JobState.PLACED,
        )

    def move(self, state: JobState) -> bool:
        """Move on to what its agent says of it; return whether that is news. The agent has the ticket then."""
        if self.state not in JOB_MOVES[state]:
            return False
        self.state, self.sent, self.ticket = state, True, ""
        return True


@dataclass(slots=True)
class LiveInvocation:
    """A pending invocation."""

    request: InvocationRequest
    version: VersionSpec
    attempts: int = 0
    tried: set[UUID] = field(default_factory=set)
    job: LiveJob | None = None
    #: Whether its gateway was told that it is committed; how it ends is then asked for, not sent.
    answered: bool = False

    @property
    def invocation_id(self) -> UUID:
        """Its id."""
        return UUID(self.request.invocation_id)

    @property
    def need(self) -> Need:
        """What it asks of a provider."""
        return Need(
            architecture=self.version.architecture,
            memory_mb=self.version.limits.memory_mb,
            cpu_millis=self.version.limits.cpu_millis,
            price_ceiling_nano_per_ms=self.version.price_ceiling_nano_per_ms,
            image_digest=self.version.image.rpartition("@")[2],
        )


class Live:
    """All pending invocations of this scheduler."""

    def __init__(self) -> None:
        self._invocations: dict[UUID, LiveInvocation] = {}
        self._jobs: dict[str, LiveInvocation] = {}
        #: In the order in which they came to wait.
        self._waiting: dict[UUID, LiveInvocation] = {}
        self._waiting_of_version: dict[UUID, int] = {}
        self._input_bytes = 0

    def __contains__(self, invocation_id: UUID) -> bool:
        return invocation_id in self._invocations

    def get(self, invocation_id: UUID) -> LiveInvocation | None:
        """Return a pending invocation."""
        return self._invocations.get(invocation_id)

    @property
    def full(self) -> bool:
        """Whether no more invocations can be taken in."""
        return len(self._invocations) >= MAX_INVOCATIONS or self._input_bytes >= MAX_INPUT_BYTES

    @property
    def open_jobs(self) -> int:
        """How many jobs have not ended."""
        return len(self._jobs)

    @property
    def waiting(self) -> list[LiveInvocation]:
        """Who waits for a provider, the longest first."""
        return list(self._waiting.values())

    def add(self, invocation: LiveInvocation) -> None:
        """Take an invocation in."""
        self._invocations[invocation.invocation_id] = invocation
        self._input_bytes += len(invocation.request.input)

    def forget(self, invocation: LiveInvocation) -> None:
        """Let go of an invocation that has ended."""
        self.stop_waiting(invocation)
        if self._invocations.pop(invocation.invocation_id, None):
            self._input_bytes -= len(invocation.request.input)

    def wait(self, invocation: LiveInvocation) -> None:
        """Put an invocation at the end of those that wait for a provider."""
        if invocation.invocation_id not in self._waiting:
            self._waiting[invocation.invocation_id] = invocation
            self._count(invocation, 1)

    def stop_waiting(self, invocation: LiveInvocation) -> None:
        """Take an invocation out of those that wait."""
        if self._waiting.pop(invocation.invocation_id, None):
            self._count(invocation, -1)

    def others_wait(self, version_id: UUID) -> bool:
        """Return whether calls of the same version came earlier and still wait."""
        return version_id in self._waiting_of_version

    def open(self, invocation: LiveInvocation, job: LiveJob) -> None:
        """Note an invocation's new job."""
        invocation.job = job
        self._jobs[job.job_id] = invocation

    def close(self, invocation: LiveInvocation) -> LiveJob:
        """Let go of an invocation's job: it has ended."""
        job = invocation.job
        if job is None:
            raise LookupError(f"invocation {invocation.invocation_id} has no open job")
        del self._jobs[job.job_id]
        invocation.job = None
        return job

    def of_job(self, job_id: str) -> tuple[LiveInvocation, LiveJob] | None:
        """Return an open job with its invocation."""
        invocation = self._jobs.get(job_id)
        return (invocation, invocation.job) if invocation and invocation.job else None

    def jobs(self) -> Iterator[tuple[LiveInvocation, LiveJob]]:
        """Return all open jobs with their invocations."""
        for invocation in list(self._jobs.values()):
            if invocation.job:
                yield invocation, invocation.job

    def silent(self, *, now_ms: int) -> list[str]:
        """Return the open jobs that were silent for too long."""
        return [job.job_id for _, job in self.jobs() if job.silence.silent_until_ms <= now_ms]

    def extend_silence(self, *, now_ms: int, away_ms: int) -> None:
        """Judge nobody for the time in which this scheduler could not hear."""
        for _, job in self.jobs():
            job.silence.extend(now_ms=now_ms, away_ms=away_ms)

    def _count(self, invocation: LiveInvocation, by: int) -> None:
        version_id = invocation.version.version_id
        count = self._waiting_of_version.get(version_id, 0) + by
        self._waiting_of_version[version_id] = count
        if not count:
            del self._waiting_of_version[version_id]
