import pytest

from provider_agent.ports import Event
from provider_agent.testing import InMemoryBroker
from tests.support.agent_broker import BrokerContract


class InMemoryFarSide:
    """The broker itself: both ends are in one object."""

    def __init__(self, broker: InMemoryBroker) -> None:
        self.send_order = broker.send_order
        self.send_control = broker.send_control
        self.drop_connection = broker.drop_connection
        self.reconnect = broker.reconnect
        self._broker = broker

    def received(self) -> list[Event]:
        return list(self._broker.events)


@pytest.fixture
def near() -> InMemoryBroker:
    return InMemoryBroker()


@pytest.fixture
def far(near: InMemoryBroker) -> InMemoryFarSide:
    return InMemoryFarSide(near)


class TestInMemoryBroker(BrokerContract):
    """The fake."""
