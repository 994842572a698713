"""`manage.py run_scheduler`: the one brain for placement. Starting a second one replaces the first."""

import asyncio
import logging
import signal
import sys
import time
from concurrent.futures import Future
from functools import partial
from typing import Any

import uvloop
from django.core.management.base import BaseCommand, CommandError
from prometheus_client import generate_latest

from portal.broker_login import broker_login
from portal.environment import SettingError, http_address_setting, setting
from portal.invocations.store import DjangoStore
from portal.invocations.working_key import WorkingKeyFiles
from portal.keys import KeyUnusable, keys_directory
from scheduler import clocks, metrics
from scheduler.errors import TermSuperseded
from scheduler.group_commit import GroupCommit
from scheduler.loop.core import Core
from scheduler.loop.service import Scheduler
from scheduler.tickets import TicketSigner
from scheduler.transport.broker import RabbitSchedulerBroker
from scheduler.transport.rabbitmq import BrokerLogin
from wire import logs
from wire.http.health import serving, watched

log = logging.getLogger(__name__)

#: Another scheduler has taken over: whoever starts this one again would take over from that one.
EXIT_SUPERSEDED = 3
_CHECK_SECONDS = 5


class Command(BaseCommand):
    """Take over as the scheduler and serve until stopped or replaced."""

    help = "Run the scheduler until SIGTERM. The newest scheduler leads; an older one exits with code 3."

    def handle(self, *_args: object, **_options: Any) -> None:
        logs.configure(level=setting("CHAINFAAS_LOG_LEVEL"))
        try:
            files = WorkingKeyFiles(keys_directory())
            signer, login = files.load(now_ms=now_ms()), broker_login()
            address = http_address_setting("CHAINFAAS_SCHEDULER_HTTP")
        except (KeyUnusable, SettingError) as error:
            raise CommandError(str(error)) from error
        try:
            uvloop.run(_run(files, signer, login, address))
        except TermSuperseded as error:
            log.error("scheduler.superseded", extra={"why": str(error)})  # noqa: TRY400 - expected, no traceback
            sys.exit(EXIT_SUPERSEDED)


async def _run(files: WorkingKeyFiles, signer: TicketSigner, login: BrokerLogin, address: tuple[str, int]) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    store, broker = DjangoStore(), RabbitSchedulerBroker(login)
    commit = GroupCommit(store)
    core = Core(
        store=store,
        orders=broker,
        replies=broker,
        presence=broker,
        signer=signer,
        clock=now_ms,
        commit=commit,
        renewed=lambda: files.changed(now_ms=now_ms()),
    )
    scheduler = Scheduler(core, broker)

    async def checks() -> dict[str, bool]:
        lasts = core.signer.left_ms(now_ms=now_ms()) >= clocks.WORKING_KEY_LEFT_MS
        return {
            "leads": scheduler.leads,
            "broker": broker.connected,
            "database": commit.available,
            "working_key": lasts,
        }

    loop = asyncio.get_running_loop()

    def health() -> tuple[bool, dict[str, bool]]:
        return _health(asyncio.run_coroutine_threadsafe(checks(), loop))

    with serving(address, watched(health, partial(generate_latest, metrics.REGISTRY))):
        await scheduler.run(stop)
        log.info("scheduler.stopped", extra={"term": core.term})


def _health(asked: Future[dict[str, bool]]) -> tuple[bool, dict[str, bool]]:
    """Return what holds, as the scheduler's own loop says: one that hangs is not healthy."""
    try:
        checks = asked.result(_CHECK_SECONDS)
    except TimeoutError:
        checks = {"answers": False}
    return all(checks.values()), checks


def now_ms() -> int:
    """Return the time as messages carry it."""
    return time.time_ns() // 1_000_000
