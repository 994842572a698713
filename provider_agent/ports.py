"""What the agent needs from outside: a broker, and a clock."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

from wire.messages import Accepted, Finished, Heartbeat, JobRefused, Started, Ticket
from wire.outcomes import ExitState

#: Milliseconds since 1970 UTC.
Clock = Callable[[], int]
#: Tells the broker that a delivery is taken care of; callable from any thread, harmless after a reconnect.
Acknowledge = Callable[[], None]
#: What an agent says.
Event = Heartbeat | Accepted | Started | Finished | JobRefused


class Inbox(Protocol):
    """Where a broker puts what it receives. Calls return at once, and come from the broker's thread."""

    def job(self, body: bytes, acknowledge: Acknowledge) -> None:
        """Take a delivery from the jobs queue."""

    def control(self, body: bytes, acknowledge: Acknowledge) -> None:
        """Take a delivery from the control queue."""

    def connected(self) -> None:
        """Learn that the broker can be reached (again)."""


class AgentBroker(Protocol):
    """RabbitMQ, as the agent sees it."""

    @property
    def is_connected(self) -> bool:
        """Whether deliveries arrive and events leave."""

    def start(self, inbox: Inbox) -> None:
        """Connect, stay connected, and hand every delivery to `inbox`, until `stop`."""

    def publish(self, event: Event) -> None:
        """Send an event soon, from any thread; lost when the broker is away: the spool sends again what matters."""

    def stop(self) -> None:
        """Send what waits and disconnect. What was not acknowledged is delivered again to the next connection."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunReport:
    """How a run ended."""

    exit_state: ExitState
    #: Wall time from the container's start to its end, rounded up, at least 1.
    run_ms: int = 1
    output: bytes = b""
    exit_code: int | None = None
    pull_ms: int = 0
    #: The last lines on standard error, or what failed on this machine.
    log_tail: str = ""

    @classmethod
    def failed(cls, exit_state: ExitState) -> Self:
        """Return the report of a run that this machine could not make or bring to its end."""
        return cls(exit_state=exit_state, log_tail=exit_state.sentence)


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """A ticket that was accepted, the JWS that it is in, and the input that it names."""

    ticket: Ticket
    jws: str
    input: bytes

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.ticket.job_id
