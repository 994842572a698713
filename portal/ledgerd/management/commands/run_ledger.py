"""`manage.py run_ledger`: the process of recorder and follower; here its parts are put together."""

import logging
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.utils import timezone
from prometheus_client import generate_latest

from ledger.errors import LedgerError
from portal.books.follower import Follower
from portal.books.read_model.rebuilding import require_whole
from portal.environment import http_address_setting, integer_setting, setting
from portal.errors import PortalError
from portal.governance.settling import settle_requests
from portal.invocations.operations import record_payments
from portal.keys import KeyName, signing_key
from portal.ledgerd.auditor import Auditor
from portal.ledgerd.backends import open_writer
from portal.ledgerd.chores import Chores
from portal.ledgerd.cleaning import LEAST_DAYS, Cleaner
from portal.ledgerd.epochs import note_alarms
from portal.ledgerd.loop import LedgerLoop
from portal.ledgerd.metrics import LedgerMetrics
from portal.outbox import leadership
from portal.outbox.errors import Superseded
from portal.outbox.recorder import Recorder, Submission, SubmissionAnswer
from wire import logs
from wire.http.health import serving, watched

log = logging.getLogger(__name__)

#: Exit status of a process that another one has replaced: not an error, and no reason to start it again.
EXIT_SUPERSEDED = 3
EXIT_FAILED = 1


class Command(BaseCommand):
    """Write the outbox to the ledger and the ledger's blocks to the read model, until stopped."""

    help = "Run recorder and follower of the ledger; at its first start the ledger is created. Stops on SIGTERM."

    def handle(self, *_args: object, **_options: Any) -> None:
        """Run until stopped, and exit with what became of it."""
        logs.configure(level=setting("CHAINFAAS_LOG_LEVEL"))
        try:
            run()
        except Superseded as error:
            log.warning("ledger.superseded", extra={"error": str(error)})
            sys.exit(EXIT_SUPERSEDED)
        except (LedgerError, PortalError) as error:
            log.critical("ledger.stopped", extra={"error": f"{type(error).__name__}: {error}"})
            sys.exit(EXIT_FAILED)


def run() -> None:
    """Open the ledger, take over and work until SIGTERM or SIGINT.

    :raises Superseded: when another process has taken over.
    :raises LedgerError: when the ledger cannot be opened, or is damaged.
    """
    address = http_address_setting("CHAINFAAS_LEDGER_HTTP")
    kept = timedelta(days=integer_setting("CHAINFAAS_OUTBOX_DAYS", least=LEAST_DAYS))
    connection_created.connect(_skip_what_is_dead)
    bell = threading.Event()
    with (
        open_writer(on_block=bell.set) as ledger,
        ThreadPoolExecutor(1, thread_name_prefix="submission") as submissions,
    ):
        require_whole()
        term = leadership.take_over(leadership.RECORDER, now=timezone.now())
        metrics = LedgerMetrics()
        auditor = Auditor(ledger=ledger, metrics=metrics)
        recorder = Recorder(
            ledger=ledger,
            key=signing_key(KeyName.RECORDER),
            term=term,
            clock=timezone.now,
            carry=partial(_carry, submissions, bell),
        )
        follower = Follower(ledger=ledger, term=term, listeners=[settle_requests, record_payments, note_alarms])
        chores = Chores(ledger=ledger, term=term, clock=timezone.now)
        cleaner = Cleaner(term=term, clock=timezone.now, kept=kept)
        loop = LedgerLoop(
            recorder=recorder,
            follower=follower,
            errands=(auditor.step, chores.step, cleaner.step),
            metrics=metrics,
            bell=bell,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loop.stop())
        with serving(address, watched(loop.health, partial(generate_latest, metrics.registry))) as port:
            http = f"{address[0]}:{port}"
            log.info("ledger.started", extra={"term": term, "block": ledger.height - 1, "http": http})
            auditor.start()
            try:
                loop.run()
            finally:
                auditor.stop()
    log.info("ledger.ended", extra={"term": term})


def _skip_what_is_dead(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Let the loop's connection to PostgreSQL find open operations by plain index scans.

    Those take note of entries of rows that were changed since; scans by bitmap read all of them each time, tens of
    thousands under load, until the table is vacuumed. Other threads ask for what only bitmaps find.
    """
    if connection.vendor == "postgresql" and threading.current_thread() is threading.main_thread():
        with connection.cursor() as cursor:
            cursor.execute("SET enable_bitmapscan = off")


def _carry(submissions: ThreadPoolExecutor, bell: threading.Event, submission: Submission) -> SubmissionAnswer:
    """Run a submission on its thread, and ring when the answer is there."""
    answer = submissions.submit(submission)
    answer.add_done_callback(lambda _: bell.set())
    return answer
