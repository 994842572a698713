"""A connection that is lost again and again is made again in ever longer steps, each of another length."""

import asyncio
from typing import Any

import pytest

from scheduler.transport import connection
from scheduler.transport.connection import Connection
from scheduler.transport.rabbitmq import BrokerLogin

pytestmark = pytest.mark.anyio
LOGIN = BrokerLogin(host="broker", port=5672, vhost="/", user="scheduler", password="")


class Enough(Exception):
    """As many pauses as the test wants to see."""


class Lost:
    """A session that is lost as soon as it is open."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.lost.set_result(ConnectionResetError())

    @classmethod
    async def open(cls, _login: BrokerLogin, *, name: str) -> "Lost":
        assert name == "test"
        return cls()

    async def close(self) -> None:
        """Nothing is left to close."""


async def test_a_broker_that_drops_each_connection_is_not_asked_without_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 8:
            raise Enough

    async def prepare(_session: Any) -> None:
        """A session that needs nothing."""

    monkeypatch.setattr(connection, "Session", Lost)
    monkeypatch.setattr("scheduler.transport.connection.asyncio.sleep", sleep)

    with pytest.raises(Enough):
        await Connection(LOGIN, name="test").stay(prepare, lambda _: None)

    assert 0.05 <= pauses[0] <= 0.1
    assert all(0.4 <= pause <= 5 for pause in pauses[4:])
    assert pauses[-1] >= 2.5
    assert len(set(pauses)) == len(pauses)
