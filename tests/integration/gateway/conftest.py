"""A gateway on a real RabbitMQ."""

import pytest

from portal.gateway.rabbitmq import Address
from tests.support.servers import Broker


@pytest.fixture
def anyio_backend() -> str:
    """Run the tests on asyncio only: pika and uvicorn do."""
    return "asyncio"


@pytest.fixture
def address(broker: Broker) -> Address:
    """Where the gateway finds the test's virtual host."""
    return Address(host=broker.host, port=broker.port, vhost=broker.vhost, user=broker.user, password=broker.password)
