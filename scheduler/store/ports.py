"""The store of jobs that the scheduler needs, and what it reads from there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from scheduler.specs import ProviderSpec, VersionSpec
from scheduler.states import JobState
from scheduler.store.changes import Change, Verdict
from wire.messages import InvocationReply, InvocationRequest, MachineReport


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenJob:
    """A job that had not ended when this scheduler took over."""

    job_id: str
    invocation_id: UUID
    state: JobState
    ticket: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenInvocation:
    """A pending invocation, with its jobs so far."""

    request: InvocationRequest
    attempts: int
    #: Providers that were tried.
    tried: tuple[UUID, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenProvider:
    """What people are shown of a provider's last heartbeat."""

    provider_id: UUID
    seen_at_ms: int
    report: MachineReport


@dataclass(frozen=True, kw_only=True, slots=True)
class TakeOver:
    """What a scheduler starts with."""

    term: int
    jobs: tuple[OpenJob, ...]
    invocations: tuple[OpenInvocation, ...]
    #: What providers' last heartbeats said, as far as it was stored.
    seen: tuple[SeenProvider, ...] = ()


class JobStore(Protocol):
    """The database, as the scheduler sees it. Calls block; the scheduler makes them on a thread of their own."""

    def take_over(self, *, now_ms: int) -> TakeOver:
        """Begin a new term and return what is open. From now on every older term is refused."""

    def version(self, version_id: UUID) -> VersionSpec | None:
        """Return a version that is live or was; None when there is none."""

    def providers(self) -> Sequence[ProviderSpec]:
        """Return all providers that are not revoked."""

    def apply(self, term: int, changes: Sequence[Change]) -> Sequence[Verdict]:
        """Make all changes in order in one database transaction (group commit) and return a verdict for each.

        :raises TermSuperseded: when another scheduler has taken over; nothing has changed.
        :raises StoreUnavailable: when the database cannot be reached; nothing has changed, a retry can help.
        """

    def job_invocation(self, job_id: str) -> UUID | None:
        """Return whose job this is, whatever its state; None when it never existed."""

    def outcome(self, invocation_id: UUID) -> InvocationReply | None:
        """Return how an invocation ended; None while it is pending, or when it never existed."""

    def seen(self, term: int, providers: Sequence[SeenProvider]) -> None:
        """Store what heartbeats said, for people to see."""

    def clean_up(self, term: int, *, now_ms: int) -> int:
        """Delete some results that have expired, and return how many."""
