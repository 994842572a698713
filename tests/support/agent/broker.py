"""What an agent may expect of its broker, whichever it is: the in-memory one and RabbitMQ pass the same suite."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from provider_agent.ports import Acknowledge, AgentBroker, Event
from tests.support.tickets import PROVIDER_ID
from tests.support.waiting import wait_for
from wire.messages import Accepted, Heartbeat

SECONDS = 60


class FarSide(Protocol):
    """The controller's end of the broker."""

    def send_order(self, body: bytes) -> None:
        """Put something into the jobs queue."""

    def send_control(self, body: bytes) -> None:
        """Put something into the control queue."""

    def received(self) -> list[Event]:
        """Return all events that arrived so far."""

    def drop_connection(self) -> None:
        """Break the agent's connection."""

    def reconnect(self) -> None:
        """Let the agent in again."""


@dataclass
class Collector:
    """An inbox that notes what comes, and acknowledges it if told to."""

    acknowledges: bool = True
    jobs: list[bytes] = field(default_factory=list)
    controls: list[bytes] = field(default_factory=list)
    held: list[Acknowledge] = field(default_factory=list)
    connections: int = 0

    def job(self, body: bytes, acknowledge: Acknowledge) -> None:
        self.jobs.append(body)
        self._settle(acknowledge)

    def control(self, body: bytes, acknowledge: Acknowledge) -> None:
        self.controls.append(body)
        self._settle(acknowledge)

    def connected(self) -> None:
        self.connections += 1

    def _settle(self, acknowledge: Acknowledge) -> None:
        if self.acknowledges:
            acknowledge()
        else:
            self.held.append(acknowledge)


def a_heartbeat() -> Heartbeat:
    return Heartbeat(
        provider_id=PROVIDER_ID,
        sent_at_ms=1,
        agent_version="1",
        architecture="amd64",
        slots=1,
        free_slots=1,
        cpu_millis=1000,
        memory_mb=128,
        price_nano_per_ms=10,
    )


class BrokerContract:
    """Subclasses give the fixtures `near` (the agent's end) and `far` (the controller's)."""

    def test_it_says_when_it_is_connected(self, near: AgentBroker, far: FarSide) -> None:
        inbox = _started(near)

        assert inbox.connections == 1
        assert far.received() == []

    def test_orders_and_control_messages_arrive_apart(self, near: AgentBroker, far: FarSide) -> None:
        inbox = _started(near)

        far.send_order(b"order")
        far.send_control(b"control")

        wait_for("both", lambda: (inbox.jobs, inbox.controls) == ([b"order"], [b"control"]), SECONDS)

    def test_what_was_sent_before_the_agent_came_waits_for_it(self, near: AgentBroker, far: FarSide) -> None:
        far.send_order(b"early")

        inbox = _started(near)

        wait_for("the order", lambda: inbox.jobs == [b"early"], SECONDS)

    def test_events_arrive_in_order(self, near: AgentBroker, far: FarSide) -> None:
        _started(near)
        sent: list[Event] = [
            a_heartbeat(),
            Accepted(job_id="1", accepted_at_ms=1),
            Accepted(job_id="2", accepted_at_ms=2),
        ]

        for event in sent:
            near.publish(event)

        wait_for("three events", lambda: len(far.received()) == 3, SECONDS)
        assert [event for event in far.received() if isinstance(event, Accepted)] == sent[1:]

    def test_what_is_acknowledged_is_not_delivered_again(self, near: AgentBroker, far: FarSide) -> None:
        inbox = _started(near)
        far.send_order(b"first")
        wait_for("the first", lambda: inbox.jobs == [b"first"], SECONDS)

        _reconnected(near, far, inbox)
        far.send_order(b"second")

        wait_for("the second", lambda: inbox.jobs == [b"first", b"second"], SECONDS)

    def test_what_is_not_acknowledged_is_delivered_again(self, near: AgentBroker, far: FarSide) -> None:
        inbox = _started(near, Collector(acknowledges=False))
        far.send_order(b"order")
        wait_for("the order", lambda: inbox.jobs == [b"order"], SECONDS)

        _reconnected(near, far, inbox)

        wait_for("the order again", lambda: inbox.jobs == [b"order"] * 2, SECONDS)

    def test_an_event_while_disconnected_is_lost_and_harmless(self, near: AgentBroker, far: FarSide) -> None:
        near.publish(a_heartbeat())

        _started(near)
        near.publish(Accepted(job_id="1", accepted_at_ms=1))

        wait_for("the second event", lambda: len(far.received()) == 1, SECONDS)
        assert isinstance(far.received()[0], Accepted)

    def test_stopping_sends_what_was_published_before(self, near: AgentBroker, far: FarSide) -> None:
        _started(near)

        for number in range(50):
            near.publish(Accepted(job_id=str(number), accepted_at_ms=1))
        near.stop()

        wait_for("all events", lambda: len(far.received()) == 50, SECONDS)


def _started(near: AgentBroker, inbox: Collector | None = None) -> Collector:
    inbox = inbox or Collector()
    near.start(inbox)
    _wait(lambda: inbox.connections == 1 and near.is_connected)
    return inbox


def _reconnected(near: AgentBroker, far: FarSide, inbox: Collector) -> None:
    before = inbox.connections
    far.drop_connection()
    far.reconnect()
    _wait(lambda: inbox.connections > before and near.is_connected)


def _wait(ready: Callable[[], bool]) -> None:
    wait_for("the connection", ready, SECONDS)
