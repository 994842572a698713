import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from provider_agent.agent import Agent, Parts
from provider_agent.containers import sandbox
from provider_agent.jobs.heartbeat import HeartbeatLoop
from provider_agent.jobs.journal import Journal
from provider_agent.testing import InMemoryAgentBroker
from tests.support.agent.broker import a_heartbeat
from tests.support.agent.containers import Machine
from tests.support.tickets import Controller, a_ticket, now_ms
from tests.support.waiting import wait_for
from wire.envelope import dump, parse_as
from wire.messages import Finished, Heartbeat, Receipt, ResultAcknowledged
from wire.outcomes import ExitState
from wire.signing import SigningKey, payload_of

from .conftest import full_disk
from .test_doctor import CONFIG

SECONDS = 30


class Rig:
    """An agent of fakes."""

    def __init__(self, path: Path) -> None:
        self.broker, self.machine, self.controller = InMemoryAgentBroker(), Machine(now_ms), Controller()
        self.function = self.machine.function
        self.key = SigningKey.generate()
        self.path = path
        self.make()

    def make(self) -> None:
        """Begin as a new process does."""
        self.journal = Journal(self.path / "journal.sqlite3")
        config = dataclasses.replace(CONFIG, root_key_pem=self.controller.root.public.pem)
        self.agent = Agent(
            Parts(
                config=config,
                signing_key=self.key,
                journal=self.journal,
                broker=self.broker,
                runner=self.machine.runner,
                clock=now_ms,
            )
        )

    def heartbeats(self) -> list[Heartbeat]:
        return [event for event in self.broker.events if isinstance(event, Heartbeat)]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.function.gate.set()
    made.journal.close()


def test_a_heartbeat_goes_out_at_once_and_after_a_change(rig: Rig) -> None:
    rig.agent.start()
    wait_for("the first heartbeat", rig.heartbeats, SECONDS)
    rig.function.gate.clear()
    rig.broker.send_order(dump(rig.controller.order(ticket := a_ticket())))

    wait_for("one that tells of the job", lambda: rig.heartbeats()[-1].running == (ticket.job_id,), SECONDS)

    first, last = rig.heartbeats()[0], rig.heartbeats()[-1]
    assert (first.slots, first.free_slots, first.memory_mb, first.price_nano_per_ms) == (2, 2, 256, 10)
    assert last.free_slots == 1
    rig.function.gate.set()
    rig.agent.stop()


def test_a_machine_without_docker_offers_no_slot(rig: Rig) -> None:
    rig.machine.engine.ready = False

    rig.agent.start()

    assert wait_for("a heartbeat", rig.heartbeats, SECONDS)[0].free_slots == 0
    assert not rig.agent.is_healthy()
    rig.agent.stop()


def test_a_machine_whose_journal_takes_nothing_offers_no_slot_until_it_does(rig: Rig) -> None:
    rig.agent.start()
    wait_for("an offer", rig.heartbeats, SECONDS)
    assert rig.heartbeats()[0].free_slots == 2

    with full_disk(rig.journal):
        rig.broker.send_order(dump(rig.controller.order(a_ticket())))
        wait_for("an offer of nothing", lambda: rig.heartbeats()[-1].free_slots == 0, SECONDS)

    wait_for("the order to be taken", lambda: rig.broker.unacknowledged == 0, SECONDS)
    wait_for("an offer again", lambda: rig.heartbeats()[-1].free_slots == 2, SECONDS)
    rig.agent.stop()


def test_what_an_earlier_process_left_open_is_reported_as_crashed(rig: Rig) -> None:
    order = rig.controller.order(ticket := a_ticket())
    rig.journal.accept(ticket.job_id, ticket=order.ticket, pay_until_ms=ticket.pay_until_ms)
    rig.machine.engine.create(sandbox.container(ticket), name=sandbox.container_name(ticket.job_id))

    rig.agent.start()

    def reported() -> list[Finished]:
        return [event for event in rig.broker.events if isinstance(event, Finished)]

    event = wait_for("the report", reported, SECONDS)[0]
    receipt = parse_as(Receipt, payload_of(event.receipt))
    assert (event.job_id, receipt.exit_state) == (ticket.job_id, ExitState.CRASHED)
    assert rig.machine.containers() == []
    rig.broker.send_control(dump(ResultAcknowledged(job_id=ticket.job_id)))
    assert rig.agent.stop()


def test_stopping_ends_what_runs_and_keeps_what_is_not_acknowledged(rig: Rig) -> None:
    rig.agent.start()
    rig.function.gate.clear()
    rig.broker.send_order(dump(rig.controller.order(ticket := a_ticket())))
    wait_for("it to run", lambda: rig.function.runs, SECONDS)

    assert rig.agent.stop()

    kept = Journal(rig.path / "journal.sqlite3")
    entry = kept.find(ticket.job_id)
    kept.close()
    assert entry
    assert entry.report


def test_however_much_changes_there_is_one_heartbeat_a_second() -> None:
    broker = InMemoryAgentBroker()
    broker.reconnect()
    loop = HeartbeatLoop(broker, a_heartbeat, interval_seconds=60)
    loop.start()
    wait_for("the first heartbeat", lambda: broker.events, SECONDS)

    for _ in range(100):
        loop.beat_soon()
    wait_for("the second heartbeat", lambda: len(broker.events) == 2, SECONDS)

    loop.stop()
    assert len(broker.events) == 2
