from collections.abc import Mapping
from threading import Event as Flag
from typing import Any

import pytest

from provider_agent.containers.running import ContainerRunner
from provider_agent.ports import Event
from provider_agent.testing import InMemoryAgentBroker, InMemoryEngine, Program, Wrote
from tests.support.agent.broker import BrokerContract
from tests.support.agent.engine import EngineContract
from tests.support.tickets import PROVIDER_ID, a_ticket, now_ms
from wire.messages import Ticket


class InMemoryFarSide:
    """The broker itself: both ends are in one object."""

    def __init__(self, broker: InMemoryAgentBroker) -> None:
        self.send_order = broker.send_order
        self.send_control = broker.send_control
        self.drop_connection = broker.drop_connection
        self.reconnect = broker.reconnect
        self._broker = broker

    def received(self) -> list[Event]:
        return list(self._broker.events)


@pytest.fixture
def near() -> InMemoryAgentBroker:
    return InMemoryAgentBroker()


@pytest.fixture
def far(near: InMemoryAgentBroker) -> InMemoryFarSide:
    return InMemoryFarSide(near)


class TestInMemoryBroker(BrokerContract):
    """The fake."""


REGISTRY = "registry.example.org"
PROGRAMS: Mapping[str, Program] = {
    "upper": lambda given: Wrote(output=given.upper()),
    "copy": lambda given: Wrote(output=given),
    "fail": lambda _: Wrote(errors=b"x" * 9000 + b"the end", exit_code=3),
    "endless": lambda _: Wrote(until=Flag()),
}


def image_of(name: str) -> str:
    return f"{REGISTRY}/{name}@sha256:{'a' * 64}"


class InMemoryBay:
    """The fake engine, and programs as functions."""

    def __init__(self) -> None:
        self.engine = InMemoryEngine({image_of(name): program for name, program in PROGRAMS.items()})
        self.runner = ContainerRunner(
            self.engine, provider_id=PROVIDER_ID, allowed_registries=frozenset({REGISTRY}), clock=now_ms
        )
        self.unknown = image_of("unknown")

    def ticket(self, name: str, **changes: Any) -> Ticket:
        return a_ticket(image=image_of(name), **changes)

    def forget(self, image: str) -> None:
        self.engine.here.discard(image)


@pytest.fixture
def bay() -> InMemoryBay:
    return InMemoryBay()


class TestInMemoryEngine(EngineContract):
    """The fake."""
