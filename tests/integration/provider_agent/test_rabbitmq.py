from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.servers.tls import server_tls
from provider_agent.ports import Event
from provider_agent.rabbitmq import BrokerUnreachable, LoginRefused, RabbitAgentBroker, try_login
from tests.support.agent.broker import SECONDS, BrokerContract, Collector, a_heartbeat
from tests.support.agent.far_side import AgentFarSide
from tests.support.servers import Broker
from tests.support.tls_proxy import tls_proxy
from tests.support.waiting import wait_for
from wire import names
from wire.messages import Accepted


@pytest.fixture
def far(broker: Broker) -> Iterator[AgentFarSide]:
    side = AgentFarSide(broker)
    yield side
    side.close()


@pytest.fixture
def near(far: AgentFarSide) -> Iterator[RabbitAgentBroker]:
    made = RabbitAgentBroker(far.login, prefetch=2)
    yield made
    made.stop()


class TestRabbitBroker(BrokerContract):
    """The real one."""


def test_events_carry_the_providers_key_and_user(near: RabbitAgentBroker, far: AgentFarSide) -> None:
    near.start(Collector())
    wait_for("the connection", lambda: near.is_connected, SECONDS)

    near.publish(a_heartbeat())

    wait_for("the heartbeat", far.received, SECONDS)
    provider = far.login.provider_id
    assert far.senders == [(names.event_key(provider, "heartbeat"), names.broker_user(provider))]


def test_no_more_orders_are_delivered_than_there_are_slots(near: RabbitAgentBroker, far: AgentFarSide) -> None:
    inbox = Collector(acknowledges=False)
    near.start(inbox)

    for number in range(5):
        far.send_order(str(number).encode())

    wait_for("the first two", lambda: len(inbox.jobs) == 2, SECONDS)
    assert far.waiting_orders() == 3
    inbox.held[0]()
    wait_for("the third", lambda: inbox.jobs == [b"0", b"1", b"2"], SECONDS)


def test_a_flood_of_orders_does_not_hold_up_control(near: RabbitAgentBroker, far: AgentFarSide) -> None:
    inbox = Collector(acknowledges=False)
    near.start(inbox)
    for _ in range(20):
        far.send_order(b"order")

    far.send_control(b"stop")

    wait_for("the control message", lambda: inbox.controls == [b"stop"], SECONDS)


def test_an_acknowledgement_from_before_a_reconnect_is_harmless(near: RabbitAgentBroker, far: AgentFarSide) -> None:
    inbox = Collector(acknowledges=False)
    near.start(inbox)
    far.send_order(b"order")
    wait_for("the order", lambda: len(inbox.jobs) == 1, SECONDS)
    far.drop_connection()
    wait_for("the order again", lambda: len(inbox.jobs) == 2, SECONDS)

    inbox.held[0]()
    inbox.held[1]()
    far.send_order(b"next")

    wait_for("the next", lambda: inbox.jobs == [b"order", b"order", b"next"], SECONDS)


def test_stopping_sends_all_that_was_published_while_it_sent(
    near: RabbitAgentBroker, far: AgentFarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, events = near._send, [Accepted(job_id=str(number), accepted_at_ms=1) for number in range(3)]

    def send_slowly(event: Event) -> None:
        if event is events[0]:
            near.publish(events[1])
        send(event)
        if event is events[0]:
            near.publish(events[2])
            near._stopping.set()

    monkeypatch.setattr(near, "_send", send_slowly)
    near.start(Collector())
    wait_for("the connection", lambda: near.is_connected, SECONDS)

    near.publish(events[0])
    wait_for("the stop", near._stopping.is_set, SECONDS)
    near.stop()

    wait_for("all events", lambda: far.received() == events, SECONDS)


def test_a_login_can_be_tried(far: AgentFarSide) -> None:
    try_login(far.login)

    with pytest.raises(LoginRefused):
        try_login(replace(far.login, password="wrong"))  # noqa: S106
    with pytest.raises(LoginRefused):
        try_login(replace(far.login, jobs_queue="jobs.absent"))
    with pytest.raises(BrokerUnreachable):
        try_login(replace(far.login, url="amqp://127.0.0.1:1"))


def test_an_agent_whose_queue_was_deleted_and_made_again_comes_back(near: RabbitAgentBroker, far: AgentFarSide) -> None:
    inbox = Collector()
    near.start(inbox)
    wait_for("the connection", lambda: near.is_connected, SECONDS)

    far.make_again(far.login.jobs_queue)
    far.send_order(b"order")

    wait_for("the order", lambda: inbox.jobs == [b"order"], SECONDS)


def test_the_broker_is_asked_to_tell_of_a_deleted_queue_however_soon_it_is_made_again(
    near: RabbitAgentBroker, far: AgentFarSide
) -> None:
    # Otherwise it moves the consumer to the new queue and loses what comes: once in a hundred times of the test above.
    near.start(Collector())
    wait_for("the connection", lambda: near.is_connected, SECONDS)

    queues = {far.login.jobs_queue, far.login.control_queue}
    wait_for("the broker's list", lambda: far.consumers().keys() == queues, SECONDS)
    assert far.consumers() == {queue: {"x-cancel-on-ha-failover": True} for queue in queues}


def test_the_broker_is_reached_over_tls_with_a_private_authority_only(
    far: AgentFarSide, broker: Broker, tmp_path: Path
) -> None:
    tls, stranger = server_tls(tmp_path / "tls"), server_tls(tmp_path / "stranger")
    with tls_proxy(broker.port, tls) as port:
        login = replace(far.login, url=f"amqps://localhost:{port}", authority=tls.ca_file)

        try_login(login)

        with pytest.raises(BrokerUnreachable):
            try_login(replace(login, authority=stranger.ca_file))
        with pytest.raises(BrokerUnreachable):
            try_login(replace(login, authority=None))
