"""RabbitMQ: one connection on one thread, with a channel each for jobs, control and events. The only user of pika."""

import logging
import random
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    ChannelClosedByBroker,
    NackError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    UnroutableError,
)

from provider_agent.errors import AgentError
from provider_agent.ports import Event, Inbox
from wire import names
from wire.envelope import dump
from wire.messages import Finished, JobRefused

log = logging.getLogger(__name__)

_PLAIN_PORT, _TLS_PORT = 5672, 5671
_CONNECT_SECONDS = 10
_HEARTBEAT_SECONDS = 15
#: The first pause after a lost connection, doubled up to the last. The scheduler gives jobs up after 5 s of absence.
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.2, 30.0
#: Control messages are small and quickly done.
_CONTROL_PREFETCH = 100
_TICK_SECONDS = 1.0


class BrokerUnreachable(AgentError):
    """The broker does not answer."""


class LoginRefused(AgentError):
    """The broker does not let this provider in."""


class _Closed(AMQPConnectionError):
    """The broker closed a channel of ours: the connection is made anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentLogin:
    """How a provider reaches its queues."""

    url: str
    vhost: str
    user: str
    password: str = field(repr=False)
    provider_id: UUID
    jobs_queue: str
    control_queue: str
    #: The authority to trust instead of this machine's own list, for `amqps`.
    authority: Path | None = None

    @property
    def parameters(self) -> pika.ConnectionParameters:
        """The same as pika wants it."""
        parts = urlsplit(self.url)
        is_tls = parts.scheme == "amqps"
        host = parts.hostname or "localhost"
        return pika.ConnectionParameters(
            host=host,
            port=parts.port or (_TLS_PORT if is_tls else _PLAIN_PORT),
            virtual_host=self.vhost,
            credentials=pika.PlainCredentials(self.user, self.password),
            ssl_options=pika.SSLOptions(self._context(), host) if is_tls else None,
            heartbeat=_HEARTBEAT_SECONDS,
            blocked_connection_timeout=_HEARTBEAT_SECONDS * 2,
            socket_timeout=_CONNECT_SECONDS,
            stack_timeout=_CONNECT_SECONDS * 2,
            client_properties={"connection_name": "chainfaas-agent"},
        )

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority) if self.authority else None)


class RabbitAgentBroker:
    """Keeps one connection. `prefetch` tickets may be delivered that the journal does not have yet."""

    def __init__(self, login: AgentLogin, *, prefetch: int) -> None:
        self._login = login
        self._prefetch = prefetch
        self._connection: pika.BlockingConnection | None = None
        self._events: BlockingChannel | None = None
        self._stopping = Flag()
        self._thread: Thread | None = None

    @property
    def is_connected(self) -> bool:
        """Whether deliveries arrive and events leave."""
        return self._connection is not None

    def start(self, inbox: Inbox) -> None:
        """Connect, and stay connected until `stop`."""
        self._thread = Thread(target=self._run, args=(inbox,), name="broker", daemon=True)
        self._thread.start()

    def publish(self, event: Event) -> None:
        """Send an event soon, from any thread; it is lost when there is no connection."""
        self._soon(partial(self._send, event))

    def stop(self) -> None:
        """Send what waits and disconnect."""
        self._stopping.set()
        self._soon(lambda: None)
        if self._thread:
            self._thread.join()

    def _run(self, inbox: Inbox) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                with pika.BlockingConnection(self._login.parameters) as connection:
                    pause = _FIRST_PAUSE_SECONDS
                    self._serve(connection, inbox)
            except (AMQPError, OSError) as error:
                log.warning("broker.away", extra={"cause": type(error).__name__, "detail": str(error)})
            except Exception:
                # An agent without its broker's thread would idle for ever: connect anew instead.
                log.exception("broker.unforeseen", extra={"provider_id": str(self._login.provider_id)})
            finally:
                self._connection = None
            self._stopping.wait(pause * random.uniform(1, 1.25))  # noqa: S311 - no secret
            pause = min(pause * 2, _LAST_PAUSE_SECONDS)

    def _serve(self, connection: pika.BlockingConnection, inbox: Inbox) -> None:
        self._events = connection.channel()
        self._events.confirm_delivery()
        channels = [
            self._events,
            self._consume(connection, self._login.jobs_queue, self._prefetch, inbox.job),
            self._consume(connection, self._login.control_queue, _CONTROL_PREFETCH, inbox.control),
        ]
        self._connection = connection
        log.info("broker.connected", extra={"provider_id": str(self._login.provider_id)})
        inbox.connected()
        while not self._stopping.is_set():
            connection.process_data_events(time_limit=_TICK_SECONDS)
            # A channel that the broker closed raises nowhere by itself.
            if not all(channel.is_open for channel in channels):
                raise _Closed("the broker closed a channel")
        self._send_the_rest(connection)

    def _send_the_rest(self, connection: pika.BlockingConnection) -> None:
        """Do all steps that were asked for so far: one look does not reach those that came while it lasted."""
        last = Flag()
        connection.add_callback_threadsafe(last.set)
        while not last.is_set():
            connection.process_data_events(time_limit=_TICK_SECONDS)

    def _consume(
        self, connection: pika.BlockingConnection, queue: str, prefetch: int, take: Callable[[bytes, Any], None]
    ) -> BlockingChannel:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=prefetch)

        def deliver(_: object, method: Any, __: object, body: bytes) -> None:
            tag = method.delivery_tag
            take(body, lambda: self._soon(lambda: channel.basic_ack(tag), connection))

        # The broker cancels a consumer whose queue is deleted; closing makes `_serve` see it.
        channel.add_on_cancel_callback(lambda _: channel.close())
        channel.basic_consume(queue, deliver, arguments=names.CONSUMER_ARGUMENTS)
        return channel

    def _soon(self, step: Callable[[], None], only_on: pika.BlockingConnection | None = None) -> None:
        """Have a step done on the broker's thread; a delivery of an earlier connection cannot be acknowledged."""
        connection = self._connection
        if connection is None or (only_on is not None and connection is not only_on):
            return
        with suppress(AMQPConnectionError):
            connection.add_callback_threadsafe(step)

    def _send(self, event: Event) -> None:
        if self._events is None:
            return
        is_durable = isinstance(event, Finished | JobRefused)
        try:
            self._events.basic_publish(
                names.PROVIDER_EVENTS,
                names.event_key(self._login.provider_id, event.kind.partition(".")[0]),
                dump(event),
                pika.BasicProperties(
                    content_type="application/json",
                    delivery_mode=2 if is_durable else 1,
                    user_id=self._login.user,  # The broker refuses another user's.
                ),
                mandatory=True,
            )
        except (NackError, UnroutableError) as error:
            log.warning("event.not_taken", extra={"kind": event.kind, "cause": type(error).__name__})


def try_login(login: AgentLogin) -> None:
    """Connect once and look at both queues.

    :raises BrokerUnreachable: when the broker does not answer.
    :raises LoginRefused: when it refuses.
    """
    try:
        with pika.BlockingConnection(login.parameters) as connection:
            # One for both: the running agent holds three of the four channels that the broker allows.
            channel = connection.channel()
            for queue in (login.jobs_queue, login.control_queue):
                channel.queue_declare(queue, passive=True)
    except (ProbableAuthenticationError, ProbableAccessDeniedError, ChannelClosedByBroker) as error:
        raise LoginRefused(f"the broker refuses {login.user}: {error!r}") from error
    except (AMQPError, OSError) as error:
        raise BrokerUnreachable(f"{login.url} does not answer: {error!r}") from error
