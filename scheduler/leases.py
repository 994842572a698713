"""How long each open job is waited for. Pure: the time arrives as an argument.

A placed job has to be accepted by its time. From then on it has a last moment (pull, timeout, grace), and each
heartbeat that lists it keeps it alive until then; a provider that falls silent loses it sooner.
"""

from dataclasses import dataclass

from scheduler import clocks


@dataclass(slots=True)
class Lease:
    """One job's clocks."""

    timeout_ms: int
    accept_until_ms: int
    accepted: bool = False
    #: The result is here by then, whatever the provider says.
    run_until_ms: int = 0
    #: The provider is heard by then.
    heard_until_ms: int = 0

    @property
    def ends_at_ms(self) -> int:
        """When the job is given up."""
        return min(self.run_until_ms, self.heard_until_ms) if self.accepted else self.accept_until_ms

    def accept(self, *, now_ms: int) -> None:
        """Note that the agent has the job in its journal."""
        if not self.accepted:
            self.accepted = True
            self.run_until_ms = now_ms + clocks.run_lease_ms(self.timeout_ms)
            self.heard_until_ms = now_ms + clocks.SILENCE_MS

    def start(self, *, now_ms: int) -> None:
        """Note that the container runs: nothing is left to pull."""
        self.accept(now_ms=now_ms)
        started_until_ms = now_ms + self.timeout_ms + clocks.RUN_GRACE_MS
        self.run_until_ms = min(self.run_until_ms, started_until_ms)

    def keep(self, *, now_ms: int) -> None:
        """Note that a heartbeat listed the job."""
        self.accept(now_ms=now_ms)
        self.heard_until_ms = max(self.heard_until_ms, now_ms + clocks.SILENCE_MS)

    def end(self, *, now_ms: int) -> None:
        """Stop waiting: it is known that nothing will come."""
        self.accepted, self.accept_until_ms = False, now_ms

    def extend(self, *, now_ms: int, away_ms: int) -> None:
        """Give the time back in which the broker or this scheduler was away, and time to be heard again."""
        earliest = now_ms + clocks.AWAY_GRACE_MS
        # An agent that took the job has said so meanwhile: its word waits in the broker's queue.
        self.accept_until_ms = max(self.accept_until_ms + away_ms, now_ms + clocks.GONE_MS)
        self.run_until_ms = max(self.run_until_ms + away_ms, earliest)
        self.heard_until_ms = max(self.heard_until_ms + away_ms, earliest)


class Leases:
    """The leases of all open jobs."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}

    def grant(self, job_id: str, *, accept_by_ms: int, timeout_ms: int) -> Lease:
        """Begin to wait for a job that was placed."""
        lease = Lease(timeout_ms=timeout_ms, accept_until_ms=accept_by_ms + clocks.ACCEPT_GRACE_MS)
        self._leases[job_id] = lease
        return lease

    def of(self, job_id: str) -> Lease | None:
        """Return a job's lease while it is open."""
        return self._leases.get(job_id)

    def drop(self, job_id: str) -> None:
        """Stop waiting for a job: it has ended."""
        self._leases.pop(job_id, None)

    def expired(self, *, now_ms: int) -> list[str]:
        """Return the jobs whose time is over."""
        return [job_id for job_id, lease in self._leases.items() if lease.ends_at_ms <= now_ms]

    def extend_all(self, *, now_ms: int, away_ms: int) -> None:
        """Judge nobody for the time in which this scheduler could not hear."""
        for lease in self._leases.values():
            lease.extend(now_ms=now_ms, away_ms=away_ms)
