"""How long an open job may stay silent before another provider gets it. Pure: the time arrives as an argument.

A placed job has to be accepted by its time. From then on it has a last moment (pull, timeout, grace), and each
heartbeat that lists it keeps it alive until then; a provider that falls silent loses it sooner.
"""

from dataclasses import dataclass

from scheduler import clocks


@dataclass(slots=True)
class SilenceLimit:
    """One job's clocks."""

    timeout_ms: int
    accept_until_ms: int
    accepted: bool = False
    #: The result is here by then, whatever the provider says.
    run_until_ms: int = 0
    #: The provider is heard by then.
    heard_until_ms: int = 0

    @property
    def silent_until_ms(self) -> int:
        """When the job is given up."""
        return min(self.run_until_ms, self.heard_until_ms) if self.accepted else self.accept_until_ms

    def accept(self, *, now_ms: int) -> None:
        """Note that the agent has the job in its journal."""
        if not self.accepted:
            self.accepted = True
            self.run_until_ms = now_ms + clocks.run_limit_ms(self.timeout_ms)
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
