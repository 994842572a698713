"""A gateway on a real RabbitMQ."""

import pytest

from scheduler.transport.rabbitmq import BrokerLogin
from tests.support.servers import Broker


@pytest.fixture
def anyio_backend() -> str:
    """Run the tests on asyncio only: pika and uvicorn do."""
    return "asyncio"


@pytest.fixture
def login(broker: Broker) -> BrokerLogin:
    """Where the gateway finds the test's virtual host."""
    return broker.login
