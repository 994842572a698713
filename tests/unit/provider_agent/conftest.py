"""An agent of fakes, with a clock that a test moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from provider_agent.jobs.intake import Intake
from provider_agent.jobs.journal import Journal
from provider_agent.jobs.metrics import AgentMetrics
from provider_agent.jobs.policy import ProviderTerms
from provider_agent.jobs.pool import JobTools, RunnerPool
from provider_agent.jobs.receipts import ReceiptWriter
from provider_agent.jobs.slots import Slots
from provider_agent.jobs.spool import Spool
from provider_agent.jobs.tickets import TicketVerifier
from provider_agent.machine.config import Offer
from provider_agent.testing import InMemoryAgentBroker
from tests.support.agent.containers import Machine
from tests.support.tickets import PROVIDER_ID, Controller, now_ms
from tests.support.waiting import wait_for
from wire.envelope import dump
from wire.messages import Finished, JobOrder, JobRefused, Message, Ticket
from wire.signing import SigningKey

SECONDS = 30
T = TypeVar("T")


@dataclass
class Clock:
    """Milliseconds since 1970, as the test wants them."""

    now: int = field(default_factory=now_ms)

    def __call__(self) -> int:
        return self.now

    def pass_ms(self, milliseconds: int) -> None:
        self.now += milliseconds


TERMS = ProviderTerms(
    provider_id=PROVIDER_ID,
    offer=Offer(price_nano_per_ms=10, slots=2, memory_mb=256, cpu_millis=2000),
    allowed_registries=frozenset({"localhost:5000"}),
)


class Bench:
    """Everything between the broker and the container engine, for real; both ends are fakes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Clock()
        self.controller = Controller()
        self.key = SigningKey.generate()
        self.broker = InMemoryAgentBroker()
        self.machine = Machine(self.clock)
        self.function, self.runner = self.machine.function, self.machine.runner
        #: Whether the intake was stuck, each time that this had changed when an offer was told.
        self.told: list[bool] = []
        self.open()

    def open(self) -> None:
        """Begin as a new process does."""
        self.journal = Journal(self.path / "journal.sqlite3")
        self.spool = Spool(self.journal, self.broker, self.clock, jitter=lambda: 0.0)
        self.slots = Slots(TERMS.offer.slots, lambda: None)
        tools = JobTools(
            runner=self.runner,
            broker=self.broker,
            journal=self.journal,
            slots=self.slots,
            spool=self.spool,
            receipts=ReceiptWriter(self.key, self.clock),
            metrics=AgentMetrics(),
            clock=self.clock,
        )
        self.tools, self.pool = tools, RunnerPool(tools)
        self.open_intake()
        self.broker.start(self.intake)

    def open_intake(self) -> None:
        """Begin to take in what is delivered."""
        self.intake = Intake(
            self.tools,
            self.pool,
            terms=TERMS,
            verifier=TicketVerifier(self.controller.root.public),
            tell_offer=self._tell_offer,
        )
        self.intake.start()

    def close(self) -> None:
        self.function.gate.set()
        self.intake.stop()
        self.pool.stop()
        self.journal.close()

    def send(self, ticket: Ticket) -> JobOrder:
        """Sign and deliver a ticket."""
        return self.send_order(self.controller.order(ticket))

    def send_order(self, order: JobOrder) -> JobOrder:
        self.broker.send_order(dump(order))
        return order

    def tell(self, message: Message) -> None:
        """Deliver a control message."""
        self.broker.send_control(dump(message))

    def finished(self, count: int = 1) -> list[Finished]:
        """Wait for so many results."""
        wait_for(f"{count} results", lambda: len(self._of(Finished)) >= count, SECONDS)
        return self._of(Finished)

    def refused(self, count: int = 1) -> list[JobRefused]:
        """Wait for so many refusals."""
        wait_for(f"{count} refusals", lambda: len(self._of(JobRefused)) >= count, SECONDS)
        return self._of(JobRefused)

    def settled(self) -> None:
        """Wait until everything delivered is acknowledged."""
        wait_for("all deliveries to be acknowledged", lambda: self.broker.unacknowledged == 0, SECONDS)

    def _tell_offer(self) -> None:
        if not self.told or self.told[-1] is not self.intake.is_stuck:
            self.told.append(self.intake.is_stuck)

    def _of(self, kind: type[T]) -> list[T]:
        return [event for event in self.broker.events if isinstance(event, kind)]


@contextmanager
def full_disk(journal: Journal) -> Iterator[None]:
    """Let SQLite find no room for another page."""
    connection = journal._connection
    connection.execute("PRAGMA query_only = ON")
    yield
    connection.execute("PRAGMA query_only = OFF")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()
