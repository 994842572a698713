"""Stand-ins for RabbitMQ and Docker, shipped beside the ports: they pass the same suites as the real ones."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from threading import Event as Flag

from provider_agent.ports import Acknowledge, Event, Inbox, RunReport, Work
from wire.envelope import dump
from wire.outcomes import ExitState


class InMemoryBroker:
    """A broker of one provider: two queues to the agent, and what it said."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.is_connected = False
        self._inbox: Inbox | None = None
        self._tags = count()
        self._jobs: dict[int, bytes] = {}
        self._control: dict[int, bytes] = {}

    def start(self, inbox: Inbox) -> None:
        """Connect and deliver what waits."""
        self._inbox = inbox
        self.reconnect()

    def publish(self, event: Event) -> None:
        """Note an event, unless disconnected."""
        if self.is_connected:
            self.events.append(event)

    def stop(self) -> None:
        """Disconnect for good."""
        self.is_connected = False
        self._inbox = None

    def send_order(self, body: bytes) -> None:
        """Put something into the jobs queue."""
        self._deliver(self._jobs, next(self._tags), body)

    def send_control(self, body: bytes) -> None:
        """Put something into the control queue."""
        self._deliver(self._control, next(self._tags), body)

    def drop_connection(self) -> None:
        """Lose the connection; what was not acknowledged waits."""
        self.is_connected = False

    def reconnect(self) -> None:
        """Connect (again) and deliver what was not acknowledged."""
        self.is_connected = True
        if self._inbox:
            self._inbox.connected()
        for queue in (self._jobs, self._control):
            for tag, body in list(queue.items()):
                self._deliver(queue, tag, body)

    @property
    def unacknowledged(self) -> int:
        """How many deliveries were not acknowledged."""
        return len(self._jobs) + len(self._control)

    def sent(self, kind: type[Event]) -> list[Event]:
        """Return all events of one type."""
        return [event for event in self.events if isinstance(event, kind)]

    def bodies(self) -> list[bytes]:
        """Return all events as bytes."""
        return [dump(event) for event in self.events]

    def _deliver(self, queue: dict[int, bytes], tag: int, body: bytes) -> None:
        queue[tag] = body
        if self._inbox is None or not self.is_connected:
            return
        take = self._inbox.job if queue is self._jobs else self._inbox.control
        take(body, self._acknowledge(queue, tag))

    def _acknowledge(self, queue: dict[int, bytes], tag: int) -> Acknowledge:
        def acknowledge() -> None:
            if self.is_connected:
                queue.pop(tag, None)

        return acknowledge


@dataclass
class InMemoryRunner:
    """Runs nothing: answers with the input in capitals, or what `answers` has for an input."""

    answers: dict[bytes, RunReport] = field(default_factory=dict)
    ready: bool = True
    #: While this is clear, runs last on.
    gate: Flag = field(default_factory=Flag)
    runs: list[str] = field(default_factory=list)
    present: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.gate.set()

    def run(self, work: Work, *, cancelled: Flag, started: Callable[[int], None]) -> RunReport:
        """Run a ticket, after its fashion."""
        with self.lock:
            self.runs.append(work.ticket.job_id)
            self.present.add(work.ticket.job_id)
        started(0)
        while not self.gate.wait(0.01):
            if cancelled.is_set():
                return RunReport(exit_state=ExitState.CRASHED)
        default = RunReport(exit_state=ExitState.SUCCEEDED, output=work.input.upper(), exit_code=0)
        return self.answers.get(work.input, default)

    def remove(self, job_id: str) -> None:
        """Forget a run."""
        with self.lock:
            self.present.discard(job_id)

    def remove_leftovers(self) -> int:
        """Forget all runs."""
        with self.lock:
            found = len(self.present)
            self.present.clear()
        return found

    def is_ready(self) -> bool:
        """Return what the test says."""
        return self.ready

    def images(self) -> tuple[str, ...]:
        """Return no images."""
        return ()
