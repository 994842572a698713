"""`manage.py run_signer`: the process that holds the treasury's or an authority's key."""

import logging
import signal
from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from prometheus_client import generate_latest

from portal.environment import http_address_setting, setting
from portal.governance.signers.loop import SignerLoop
from portal.governance.signers.signer import SIGNERS, Signer
from portal.keys import KeyUnusable, load_signing_key
from wire import logs
from wire.http.health import serving, watched

log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Sign what administrators of both organisations approved, until stopped."""

    help = "Run one signer, or several in one process where one person holds all keys. Stops on SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take which keys this process holds."""
        parser.add_argument("names", nargs="+", choices=sorted(SIGNERS), metavar="NAME", help=", ".join(SIGNERS))

    def handle(self, *_args: object, **options: Any) -> None:
        """Run until stopped."""
        logs.configure(level=setting("CHAINFAAS_LOG_LEVEL"))
        try:
            signers = [_signer(name) for name in dict.fromkeys(options["names"])]
        except KeyUnusable as error:
            raise CommandError(str(error)) from error
        loop = SignerLoop(signers)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loop.stop())
        address = http_address_setting("CHAINFAAS_SIGNER_HTTP")
        with serving(address, watched(loop.health, partial(generate_latest, loop.registry))) as port:
            log.info("signer.started", extra={"signers": options["names"], "http": f"{address[0]}:{port}"})
            loop.run()
        log.info("signer.ended", extra={"signers": options["names"]})


def _signer(name: str) -> Signer:
    return Signer(name=name, key=load_signing_key(SIGNERS[name]), clock=timezone.now)
