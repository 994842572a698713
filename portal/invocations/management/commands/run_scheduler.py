"""`manage.py run_scheduler`: the one brain for placement. Starting a second one replaces the first."""

import asyncio
import logging
import signal
import sys
import time
from typing import Any

import uvloop
from django.core.management.base import BaseCommand, CommandError

from portal.environment import SettingError, integer_setting, secret_setting, setting
from portal.invocations.store import DjangoStore
from portal.ledger.keys import WORKING_KEY_FILE, KeyName, KeyUnusable, read_file, signing_key
from scheduler import metrics
from scheduler.errors import EpochSuperseded
from scheduler.group_commit import GroupCommit
from scheduler.health import HealthServer
from scheduler.loop.desk import Desk
from scheduler.loop.service import Scheduler
from scheduler.rabbitmq import BrokerLogin, RabbitBroker
from scheduler.tickets import Signer
from wire import logs

log = logging.getLogger(__name__)

#: Another scheduler has taken over: whoever starts this one again would take over from that one.
EXIT_SUPERSEDED = 3


class Command(BaseCommand):
    """Take over as the scheduler and serve until stopped or replaced."""

    help = "Run the scheduler until SIGTERM. The newest scheduler leads; an older one exits with code 3."

    def handle(self, *_args: object, **_options: Any) -> None:
        """Run it."""
        logs.configure(level=setting("CHAINFAAS_LOG_LEVEL"))
        try:
            signer, login, address = _signer(), _login(), _http_address()
        except (KeyUnusable, SettingError) as error:
            raise CommandError(str(error)) from error
        try:
            uvloop.run(_run(signer, login, address))
        except EpochSuperseded as error:
            log.error("scheduler.superseded", extra={"why": str(error)})  # noqa: TRY400 - expected, no traceback
            sys.exit(EXIT_SUPERSEDED)


async def _run(signer: Signer, login: BrokerLogin, address: tuple[str, int]) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    store, broker = DjangoStore(), RabbitBroker(login)
    commit = GroupCommit(store)
    desk = Desk(store=store, broker=broker, signer=signer, clock=now_ms, commit=commit)
    scheduler = Scheduler(desk)

    def checks() -> dict[str, bool]:
        return {"leads": scheduler.leads, "broker": broker.connected, "database": commit.available}

    health = HealthServer(checks, metrics.REGISTRY)
    await health.start(*address)
    try:
        await scheduler.run(stop)
        log.info("scheduler.stopped", extra={"epoch": desk.epoch})
    finally:
        await health.stop()


def now_ms() -> int:
    """Return the time as messages carry it."""
    return time.time_ns() // 1_000_000


def _signer() -> Signer:
    return Signer(signing_key(KeyName.TICKET), read_file(WORKING_KEY_FILE).decode().strip())


def _login() -> BrokerLogin:
    return BrokerLogin(
        host=setting("CHAINFAAS_BROKER_HOST"),
        port=integer_setting("CHAINFAAS_BROKER_PORT"),
        vhost=setting("CHAINFAAS_BROKER_VHOST"),
        user=setting("CHAINFAAS_BROKER_USER"),
        password=secret_setting("CHAINFAAS_BROKER_PASSWORD_FILE"),
    )


def _http_address() -> tuple[str, int]:
    text = setting("CHAINFAAS_SCHEDULER_HTTP")
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise SettingError(f"CHAINFAAS_SCHEDULER_HTTP={text!r}: expected host:port")
    return host, int(port)
