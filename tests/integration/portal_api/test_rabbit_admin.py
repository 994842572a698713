"""Broker administration against a real RabbitMQ; what providers may do there is tests/integration/broker."""

from collections.abc import Iterator
from uuid import uuid4

import pika
import pytest
from django.core.management import call_command
from pika.exceptions import ProbableAuthenticationError

from portal.providers.broker_admin import ProviderAccess, RabbitAdmin, hash_password
from portal.providers.errors import BrokerAdminUnavailable
from tests.support.portal.broker_admin_contract import BrokerAdminContract, new_access
from tests.support.servers import Broker
from tests.support.waiting import wait_for
from wire import names


@pytest.fixture
def admin(broker: Broker) -> Iterator[RabbitAdmin]:
    """A client for a virtual host that is not there yet."""
    vhost = f"{broker.vhost}-fresh"
    made = RabbitAdmin(broker.admin_url, vhost=vhost, user=broker.user, password=broker.password)
    yield made
    for provider_id in made.granted():
        made.revoke(provider_id, "")
    if any(item["name"] == vhost for item in broker.admin("GET", "vhosts").json()):
        broker.admin("DELETE", f"vhosts/{vhost}")


class TestRabbitAdmin(BrokerAdminContract):
    """The contract, on RabbitMQ."""


def connect(broker: Broker, access: ProviderAccess, password: str) -> pika.BlockingConnection:
    return pika.BlockingConnection(
        pika.ConnectionParameters(
            host=broker.host,
            port=broker.port,
            virtual_host=f"{broker.vhost}-fresh",
            credentials=pika.PlainCredentials(names.broker_user(access.provider_id), password),
        )
    )


def test_the_password_is_known_by_its_hash_only(broker: Broker, admin: RabbitAdmin) -> None:
    access = new_access("first")
    admin.set_up()
    admin.grant(access)
    connect(broker, access, "first").close()

    again = ProviderAccess(
        provider_id=access.provider_id, queue_secret=access.queue_secret, password_hash=hash_password("second")
    )
    admin.grant(again)

    connect(broker, access, "second").close()
    with pytest.raises(ProbableAuthenticationError):
        connect(broker, access, "first")


def test_a_revoked_provider_is_thrown_out_and_its_queues_are_gone(broker: Broker, admin: RabbitAdmin) -> None:
    access = new_access("password")
    admin.set_up()
    admin.grant(access)
    connection = connect(broker, access, "password")

    admin.revoke(access.provider_id, access.queue_secret)

    def is_closed() -> bool:
        try:
            connection.process_data_events(0)
        except pika.exceptions.AMQPError:
            return True
        return connection.is_closed

    wait_for("the connection's end", is_closed, 60)
    with pytest.raises(ProbableAuthenticationError):
        connect(broker, access, "password")
    queues = {queue["name"] for queue in broker.admin("GET", f"queues/{broker.vhost}-fresh").json()}
    assert names.jobs_queue(access.queue_secret) not in queues
    assert names.RESULTS in queues


def test_the_command_sets_the_broker_up(
    broker: Broker, admin: RabbitAdmin, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    assert admin
    assert tmp_path
    monkeypatch.setattr(RabbitAdmin, "from_settings", lambda: admin)

    for _ in range(2):
        call_command("set_up_broker")

    exchanges = {item["name"] for item in broker.admin("GET", f"exchanges/{broker.vhost}-fresh").json()}
    assert names.PROVIDER_EVENTS in exchanges


def test_a_broker_that_is_away_is_unavailable() -> None:
    away = RabbitAdmin("http://127.0.0.1:9", vhost="x", user="x", password="x")  # noqa: S106 - nobody is there

    with pytest.raises(BrokerAdminUnavailable):
        away.grant(ProviderAccess(provider_id=uuid4(), queue_secret="x", password_hash="x"))  # noqa: S106 - as above
