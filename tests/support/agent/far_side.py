"""The controller's end of RabbitMQ for one agent: real topology, real rights."""

import secrets
from dataclasses import replace
from typing import cast
from urllib.parse import quote
from uuid import UUID

import pika

from portal.providers.broker_admin import ProviderAccess, RabbitAdmin, hash_password
from provider_agent.ports import Event
from provider_agent.rabbitmq import AgentLogin
from tests.support.servers import Broker
from tests.support.tickets import PROVIDER_ID
from tests.support.waiting import wait_for
from wire import names
from wire.envelope import parse

_QUEUES = (names.HEARTBEATS, names.PROGRESS, names.RESULTS)
_PROVIDER = UUID(PROVIDER_ID)


class AgentFarSide:
    """Sends to one provider's queues and takes its events."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.login = _granted(broker)
        parameters = replace(self.login, user=broker.user, password=broker.password).parameters
        # A test may take longer than a heartbeat before it looks here again.
        parameters.heartbeat = 0
        self._connection = pika.BlockingConnection(parameters)
        self._channel = self._connection.channel()
        self._events: list[Event] = []
        #: Routing key and user id of each event.
        self.senders: list[tuple[str | None, str | None]] = []

    def close(self) -> None:
        self._connection.close()
        self._broker.admin("DELETE", f"users/{self.login.user}")

    def send_order(self, body: bytes) -> None:
        self._channel.basic_publish("", self.login.jobs_queue, body)

    def send_control(self, body: bytes) -> None:
        self._channel.basic_publish("", self.login.control_queue, body)

    def received(self) -> list[Event]:
        for queue in _QUEUES:
            while (got := self._channel.basic_get(queue, auto_ack=True))[0] is not None:
                self.senders.append((got[0].routing_key, got[1].user_id))
                self._events.append(cast("Event", parse(got[2])))
        return list(self._events)

    def waiting_orders(self) -> int:
        """Return how many orders are not delivered yet."""
        return int(self._channel.queue_declare(self.login.jobs_queue, passive=True).method.message_count)

    def consumers(self) -> dict[str, dict[str, object]]:
        """Return the arguments of the agent's consumers by their queue; the broker's list lags behind."""
        found = self._broker.admin("GET", f"consumers/{quote(self._broker.vhost, safe='')}").json()
        mine = {self.login.jobs_queue, self.login.control_queue}
        return {name: item["arguments"] for item in found if (name := item["queue"]["name"]) in mine}

    def make_again(self, queue: str) -> None:
        """Delete a queue and declare it again."""
        self._channel.queue_delete(queue)
        self._channel.queue_declare(queue, durable=True)

    def drop_connection(self) -> None:
        """Close the agent's connection as an administrator can; the broker's list of them lags behind."""
        wait_for("the broker to close the agent's connection", self._closed_some, 60)

    def reconnect(self) -> None:
        """Do nothing: the agent comes back by itself."""

    def _closed_some(self) -> bool:
        return self._broker.close_connections(lambda item: item.get("user") == self.login.user)


def _granted(broker: Broker) -> AgentLogin:
    secret, password = secrets.token_hex(16), secrets.token_hex(16)
    admin = RabbitAdmin(broker.admin_url, vhost=broker.vhost, user=broker.user, password=broker.password)
    admin.set_up()
    admin.grant(ProviderAccess(provider_id=_PROVIDER, queue_secret=secret, password_hash=hash_password(password)))
    return AgentLogin(
        url=broker.url(),
        vhost=broker.vhost,
        user=names.broker_user(_PROVIDER),
        password=password,
        provider_id=_PROVIDER,
        jobs_queue=names.jobs_queue(secret),
        control_queue=names.control_queue(secret),
    )
