"""What a provider with a stolen or malicious login cannot do: the broker itself refuses it."""

from collections.abc import Callable

import httpx
import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import (
    AMQPConnectionError,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from portal.providers.broker_admin import RabbitAdmin
from tests.integration.broker.conftest import Rivals
from tests.support.servers import Broker
from tests.support.waiting import wait_for
from wire import names

_REFUSED = 403
_PRECONDITION_FAILED = 406
_KINDS = ("heartbeat", "accepted", "started", "finished", "refused")

Attack = Callable[[BlockingChannel, Rivals], object]

ATTACKS: dict[str, Attack] = {
    "gets the victim's tickets": lambda channel, rivals: channel.basic_get(rivals.victim.jobs),
    "gets the victim's control messages": lambda channel, rivals: channel.basic_get(rivals.victim.control),
    "consumes the victim's tickets": lambda channel, rivals: channel.basic_consume(rivals.victim.jobs, lambda *_: None),
    "purges the victim's tickets": lambda channel, rivals: channel.queue_purge(rivals.victim.jobs),
    "deletes the victim's queue": lambda channel, rivals: channel.queue_delete(rivals.victim.jobs),
    "deletes its own queue": lambda channel, rivals: channel.queue_delete(rivals.attacker.jobs),
    "binds the victim's queue to the events": lambda channel, rivals: channel.queue_bind(
        rivals.victim.jobs, names.PROVIDER_EVENTS, "#"
    ),
    "binds its own queue to the events": lambda channel, rivals: channel.queue_bind(
        rivals.attacker.jobs, names.PROVIDER_EVENTS, "#"
    ),
    "unbinds the controller's queue": lambda channel, _: channel.queue_unbind(
        names.RESULTS, names.PROVIDER_EVENTS, "*.finished"
    ),
    "declares a queue": lambda channel, _: channel.queue_declare("mine"),
    "declares a nameless queue": lambda channel, _: channel.queue_declare("", exclusive=True),
    "declares the victim's queue anew": lambda channel, rivals: channel.queue_declare(
        rivals.victim.jobs, durable=False
    ),
    "declares an exchange": lambda channel, _: channel.exchange_declare("mine"),
    "deletes the events' exchange": lambda channel, _: channel.exchange_delete(names.PROVIDER_EVENTS),
    "reads everybody's results": lambda channel, _: channel.basic_get(names.RESULTS),
    "reads calls of functions": lambda channel, _: channel.basic_get(names.INVOCATIONS),
    "purges everybody's results": lambda channel, _: channel.queue_purge(names.RESULTS),
    "publishes a result as the victim": lambda channel, rivals: channel.basic_publish(
        names.PROVIDER_EVENTS, names.event_key(rivals.victim.id, "finished"), b"{}"
    ),
    "publishes with a key that only begins like its own": lambda channel, rivals: channel.basic_publish(
        names.PROVIDER_EVENTS, names.event_key(rivals.attacker.id, "finished.x"), b"{}"
    ),
    "publishes a ticket to the victim": lambda channel, rivals: channel.basic_publish("", rivals.victim.jobs, b"{}"),
    "publishes a ticket to itself": lambda channel, rivals: channel.basic_publish("", rivals.attacker.jobs, b"{}"),
    "publishes a call of a function": lambda channel, _: channel.basic_publish("", names.INVOCATIONS, b"{}"),
    "publishes to another exchange": lambda channel, _: channel.basic_publish("amq.topic", "x", b"{}"),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_provider_is_refused_when_it(attack: Attack, rivals: Rivals) -> None:
    rivals.controller.basic_publish("", rivals.victim.jobs, b"a ticket")
    rivals.controller.basic_publish("", names.RESULTS, b"a result")

    with pytest.raises(ChannelClosedByBroker) as refusal:
        attack(rivals.attacker.channel(), rivals)

    assert refusal.value.reply_code == _REFUSED
    for queue in (rivals.victim.jobs, names.RESULTS):
        assert rivals.controller.queue_declare(queue, passive=True).method.message_count == 1


def test_a_forged_user_id_is_refused(rivals: Rivals) -> None:
    forged = pika.BasicProperties(user_id=rivals.victim.user)
    key = names.event_key(rivals.attacker.id, "finished")

    with pytest.raises(ChannelClosedByBroker) as refusal:
        rivals.attacker.channel().basic_publish(names.PROVIDER_EVENTS, key, b"{}", forged)

    assert refusal.value.reply_code == _PRECONDITION_FAILED


def test_a_third_connection_is_refused(rivals: Rivals) -> None:
    for _ in range(2):
        rivals.attacker.connect()

    def refused() -> str:
        try:
            rivals.attacker.connect().close()
        except AMQPConnectionError as refusal:
            return repr(refusal.__cause__ or refusal)
        return ""

    # The broker counts what it has let in a moment after it has.
    assert "connection limit" in wait_for("the refusal", refused, 60)


def test_a_fifth_channel_is_refused(rivals: Rivals) -> None:
    connection = rivals.attacker.connect()
    for _ in range(4):
        connection.channel()

    def refused() -> str:
        try:
            connection.channel().close()
        except ConnectionClosedByBroker as refusal:
            return repr(refusal)
        return ""

    # As above.
    assert "limit" in wait_for("the refusal", refused, 60)


def test_another_virtual_host_is_refused(rivals: Rivals) -> None:
    with pytest.raises(ProbableAccessDeniedError):
        rivals.attacker.connect(vhost="/")


def test_the_victims_password_is_not_the_attackers(rivals: Rivals) -> None:
    with pytest.raises(ProbableAuthenticationError):
        rivals.victim.connect(password=rivals.attacker.password)


def test_the_management_api_is_refused(rivals: Rivals, broker: Broker) -> None:
    login = (rivals.attacker.user, rivals.attacker.password)

    answer = httpx.get(f"{broker.admin_url}/api/queues", auth=login, timeout=60)

    assert answer.status_code == httpx.codes.UNAUTHORIZED


def test_a_passive_declare_of_a_known_name_shows_the_length_and_nothing_else(rivals: Rivals) -> None:
    """The one thing that RabbitMQ gives away; names are random so that nobody knows another's."""
    rivals.controller.basic_publish("", rivals.victim.jobs, b"a ticket")

    seen = rivals.attacker.channel().queue_declare(rivals.victim.jobs, passive=True)

    assert seen.method.message_count == 1


def test_an_agent_can_do_its_work(rivals: Rivals) -> None:
    rivals.controller.basic_publish("", rivals.attacker.jobs, b"a ticket")
    rivals.controller.basic_publish("", rivals.attacker.control, b"a cancel")
    channel = rivals.attacker.channel()
    signed = pika.BasicProperties(user_id=rivals.attacker.user)

    for kind in _KINDS:
        channel.basic_publish(
            names.PROVIDER_EVENTS, names.event_key(rivals.attacker.id, kind), kind.encode(), signed, mandatory=True
        )

    assert channel.basic_get(rivals.attacker.jobs)[2] == b"a ticket"
    assert channel.basic_get(rivals.attacker.control)[2] == b"a cancel"
    for queue, kinds in names.EVENT_QUEUES.items():
        arrived = {rivals.controller.basic_get(queue, auto_ack=True)[2] for _ in kinds}
        assert arrived == {kind.encode() for kind in kinds}


def test_a_revoked_provider_is_gone(rivals: Rivals, admin: RabbitAdmin) -> None:
    admin.revoke(rivals.attacker.id, rivals.attacker.secret)

    with pytest.raises(ProbableAuthenticationError):
        rivals.attacker.connect()
    assert rivals.attacker.id not in admin.granted()
