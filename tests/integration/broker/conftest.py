"""Two providers on a real broker, with the rights that enrolment gives them."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import UUID, uuid4

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

from portal.providers.broker_admin import ProviderAccess, RabbitAdmin, hash_password
from tests.support.servers import Broker
from wire import names

_SECONDS = 60


class Provider:
    """A provider's login, used as its agent, or whoever stole it, could use it."""

    def __init__(self, broker: Broker) -> None:
        self.id: UUID = uuid4()
        self.secret = secrets.token_hex(16)
        self.password = secrets.token_urlsafe(24)
        self._broker = broker
        self._open = ExitStack()

    @property
    def user(self) -> str:
        return names.broker_user(self.id)

    @property
    def jobs(self) -> str:
        return names.jobs_queue(self.secret)

    @property
    def control(self) -> str:
        return names.control_queue(self.secret)

    @property
    def access(self) -> ProviderAccess:
        return ProviderAccess(provider_id=self.id, queue_secret=self.secret, password_hash=hash_password(self.password))

    def connect(self, *, vhost: str | None = None, password: str | None = None) -> BlockingConnection:
        parameters = pika.ConnectionParameters(
            host=self._broker.host,
            port=self._broker.port,
            virtual_host=vhost or self._broker.vhost,
            credentials=pika.PlainCredentials(self.user, password or self.password),
            blocked_connection_timeout=_SECONDS,
            socket_timeout=_SECONDS,
            connection_attempts=1,
        )
        connection = pika.BlockingConnection(parameters)
        self._open.callback(_close, connection)
        return connection

    def channel(self) -> BlockingChannel:
        channel = self.connect().channel()
        channel.confirm_delivery()
        return channel

    def disconnect(self) -> None:
        self._open.close()


@dataclass(frozen=True, slots=True)
class Rivals:
    """Two providers of one marketplace: one attacks, the other is attacked."""

    attacker: Provider
    victim: Provider
    #: The controller's own channel, to put messages where they belong and to look where attacks went.
    controller: BlockingChannel


@pytest.fixture
def admin(broker: Broker) -> RabbitAdmin:
    return RabbitAdmin(broker.admin_url, vhost=broker.vhost, user=broker.user, password=broker.password)


@pytest.fixture
def rivals(broker: Broker, admin: RabbitAdmin) -> Iterator[Rivals]:
    admin.set_up()
    attacker, victim = Provider(broker), Provider(broker)
    for provider in (attacker, victim):
        admin.grant(provider.access)
    credentials = pika.PlainCredentials(broker.user, broker.password)
    with pika.BlockingConnection(
        pika.ConnectionParameters(broker.host, broker.port, broker.vhost, credentials)
    ) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        yield Rivals(attacker, victim, channel)
    for provider in (attacker, victim):
        provider.disconnect()
        admin.revoke(provider.id, provider.secret)


def _close(connection: BlockingConnection) -> None:
    if connection.is_open:
        connection.close()
