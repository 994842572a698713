"""The broker in memory does what RabbitMQ does."""

import pytest

from portal.gateway.testing import InMemoryGatewayBroker
from tests.support.gateway.broker_contract import BrokerContract, Ends


class TestInMemoryBroker(BrokerContract):
    @pytest.fixture
    async def ends(self, anyio_backend: str) -> Ends:  # noqa: ARG002 - starts the loop
        ends = Ends(broker=InMemoryGatewayBroker(lambda reply: ends.heard.append(reply)))  # noqa: PLW0108 - bound later
        assert isinstance(ends.broker, InMemoryGatewayBroker)
        ends.broker.scheduler = ends.answer
        await ends.broker.start()
        return ends

    async def fill(self, ends: Ends) -> None:
        assert isinstance(ends.broker, InMemoryGatewayBroker)
        ends.broker.capacity = 0
