"""The process of `chainfaas-agent run`: it puts the parts together, waits for signals, and ends in order."""

import json
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any
from uuid import UUID

import httpx

from provider_agent.agent import Agent, Parts
from provider_agent.containers.engine import DockerEngine
from provider_agent.containers.registries import listed
from provider_agent.containers.running import ContainerRunner
from provider_agent.errors import AgentError
from provider_agent.jobs.journal import Journal
from provider_agent.machine import config as configs
from provider_agent.machine import keys
from provider_agent.machine.config import Config
from provider_agent.machine.home import AgentHome
from provider_agent.machine.portal import Portal
from provider_agent.machine.renewal import RenewalLoop, renew, utc_now
from provider_agent.rabbitmq import AgentLogin, RabbitAgentBroker
from wire.http.health import LOCAL_NAMES, LOOPBACK, HealthAnswer, serving, watched

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
_ASK_SECONDS = 5


def now_ms() -> int:
    """Return milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def login(home: AgentHome, config: Config) -> AgentLogin:
    """Return how this provider reaches its queues.

    :raises AgentError: when the password is gone.
    """
    try:
        password = home.broker_password.read_text()
    except OSError as error:
        raise AgentError(f"{home.broker_password} cannot be read: {error.strerror}") from error
    return AgentLogin(
        url=config.broker_url,
        vhost=config.broker_vhost,
        user=config.broker_user,
        password=password,
        provider_id=UUID(config.provider_id),
        jobs_queue=config.jobs_queue,
        control_queue=config.control_queue,
        authority=home.own_authority,
    )


def portal(home: AgentHome, config: Config) -> Portal:
    """Return this machine's portal."""
    return Portal(config.portal_url, home.own_authority)


def run(home: AgentHome, *, docker_host: str, drain_seconds: int, port: int) -> None:
    """Run an agent until a signal ends it.

    :raises AgentError: when it cannot start; the message says what to do.
    """
    config = configs.load(home)
    home.check()
    with home.locked():
        agent = Agent(
            Parts(
                config=config,
                signing_key=keys.load(home).signing,
                journal=Journal(home.journal),
                broker=RabbitAgentBroker(login(home, config), prefetch=config.offer.slots),
                runner=ContainerRunner(
                    DockerEngine(docker_host),
                    provider_id=config.provider_id,
                    allowed_registries=listed(config.allowed_registries),
                    clock=now_ms,
                ),
                clock=now_ms,
            )
        )
        signals = _signals()
        renewals = RenewalLoop(lambda: renew(home, portal(home, config), now=utc_now()))
        with _local_http(home, agent, port):
            agent.start()
            renewals.start()
            signals.get()
            renewals.stop()
            agent.drain()
            _drained(agent, signals, drain_seconds)
            is_clean = agent.stop()
    if not is_clean:
        # A thread hangs in a call that has no end; the journal tells the next process what was open.
        os._exit(1)


def ask(home: AgentHome) -> dict[str, Any] | None:
    """Return the status of the agent that runs with this home; None when none does."""
    try:
        address = json.loads(home.running.read_text())
        answer = httpx.get(f"http://{LOOPBACK}:{int(address['port'])}/status", timeout=_ASK_SECONDS, trust_env=False)
        found: dict[str, Any] = answer.json()
    except (OSError, ValueError, KeyError, httpx.HTTPError):
        return None
    # Another program may listen there by now.
    return found if found.get("provider_id") == configs.load(home).provider_id else None


def _signals() -> SimpleQueue[int]:
    """Return a queue in which SIGTERM and SIGINT arrive."""
    arrived: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: arrived.put(received))
    return arrived


def _drained(agent: Agent, signals: SimpleQueue[int], seconds: float) -> None:
    """Wait for the last job, a second signal, or the end of patience."""
    until = time.monotonic() + seconds
    while not agent.is_idle(within_seconds=_POLL_SECONDS) and time.monotonic() < until:
        with suppress(Empty):
            signals.get_nowait()
            return


@contextmanager
def _local_http(home: AgentHome, agent: Agent, port: int) -> Iterator[None]:
    pages = watched(lambda: (agent.is_healthy(), {}), agent.metrics.text)
    pages["/status"] = lambda: HealthAnswer(json.dumps(agent.status()).encode())
    with ExitStack() as closing:
        try:
            taken = closing.enter_context(serving((LOOPBACK, port), pages, names=LOCAL_NAMES))
        except OSError as error:
            raise AgentError(f"port {port} cannot be used: {error.strerror}") from error
        closing.callback(home.running.unlink, missing_ok=True)
        home.write(home.running, json.dumps({"port": taken, "pid": os.getpid()}).encode())
        yield
