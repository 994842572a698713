"""`manage.py ledger`: look at the ledger, prove it, compare it with the read model, and rebuild that."""

import json
import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.arriving import blocks_between
from ledger.errors import LedgerDamaged, LedgerError
from portal.books import set_aside
from portal.books.audit.reconcile import confirm, survey
from portal.books.models import WorldState
from portal.books.read_model import rebuilding
from portal.custody.claims import refuse_claim
from portal.errors import PortalError
from portal.governance.settling import settle_requests
from portal.ledgerd.backends import open_reader, open_writer, verify
from portal.ledgerd.status import status_of
from wire.codec import canonical_json, to_plain

#: Exit status when the ledger or the read model is not as it should be.
EXIT_WRONG = 2
#: As a shell says it of a program that wrote into a closed pipe.
EXIT_PIPE_CLOSED = 141
_TRIES, _TRY_SECONDS = 100, 0.1
_PROGRESS_SECONDS = 1.0
_REBUILDING = (
    "from now on pages show what is applied so far, and new calls find no deposit; "
    "if this is cut short, run it again: it goes on"
)


class Command(BaseCommand):
    """One subcommand a question. Answers go to standard output, progress to standard error."""

    help = "Look at the ledger, prove it, and put it right; exits with 2 when something is not as it should be."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take one of the subcommands."""
        commands = parser.add_subparsers(dest="command", required=True)
        helps = {
            "verify": "Prove the ledger from its first block: hashes, signatures, replay, world state, money.",
            "reconcile": "Compare the read model with the ledger, and all money with what was minted.",
            "status": "Say how far everything is, and what waits or is set aside.",
        }
        for name, text in helps.items():
            commands.add_parser(name, help=text).add_argument("--json", action="store_true", help="One JSON object.")
        commands.add_parser("rebuild", help="Rebuild the read model from the blocks; stop run_ledger first.")
        export = commands.add_parser("export", help="Write all blocks as JSON, one a line.")
        export.add_argument("--first", type=int, default=0, help="Number of the first block to write.")
        retry = commands.add_parser("retry", help="Send an operation that was set aside again.")
        retry.add_argument("operation_id")
        drop = commands.add_parser("drop", help="Give an operation that was set aside up for good.")
        drop.add_argument("operation_id")
        refuse = commands.add_parser("refuse-claim", help="Refuse a provider's claim, on the record.")
        refuse.add_argument("job_id")
        refuse.add_argument("--reason", required=True, help="One line, which everybody can read on the ledger.")

    def handle(self, *_args: object, **options: Any) -> None:
        """Answer the question."""
        try:
            getattr(self, f"_{options['command'].replace('-', '_')}")(options)
        except LedgerDamaged as error:
            self.stderr.write(f"the ledger is damaged: {error}")
            sys.exit(EXIT_WRONG)
        except (LedgerError, PortalError) as error:
            raise CommandError(str(error)) from error
        except BrokenPipeError:
            # Who reads has read enough; Python would complain once more when it closes the pipe.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(EXIT_PIPE_CLOSED)

    def _verify(self, options: Mapping[str, Any]) -> None:
        with open_reader() as ledger:
            proved = verify(ledger, self._progress("blocks proved"))
        text = (
            f"verified: {proved.blocks} blocks, {proved.transactions} transactions, {proved.operations} operations\n"
            f"newest block: {proved.hash}"
        )
        self._answer(options, to_plain(proved), text)

    def _reconcile(self, options: Mapping[str, Any]) -> None:
        progress, total = self._progress("keys compared"), WorldState.objects.count()
        with open_reader() as ledger:
            surveyed = survey(ledger, progress=lambda compared: progress(compared, max(compared, total)))
            found = confirm(ledger, surveyed, tries=_TRIES, wait=lambda: time.sleep(_TRY_SECONDS))
        text = f"compared at block {found.block}: {found.keys} keys, drift {found.drift_micro} micro-credits"
        for key in found.differing_keys:
            text += f"\n  differs: {key}"
        for account_id, amount in found.differing_accounts:
            text += f"\n  account {account_id}: {amount} micro-credits off"
        self._answer(options, {**to_plain(found), "drift_micro": found.drift_micro, "clean": found.is_clean}, text)
        if not found.is_clean:
            sys.exit(EXIT_WRONG)

    def _status(self, options: Mapping[str, Any]) -> None:
        with open_reader() as ledger:
            now = status_of(ledger)
        text = "\n".join(f"{name.replace('_', ' '):24}{value}" for name, value in now.lines())
        self._answer(options, {**to_plain(now), "well": now.is_well}, text)
        if not now.is_well:
            sys.exit(EXIT_WRONG)

    def _rebuild(self, _options: Mapping[str, Any]) -> None:
        with open_writer() as ledger:
            begun = rebuilding.under_way()
            self.stderr.write(f"going on with a rebuild that was cut short ({begun})" if begun else _REBUILDING)
            blocks = rebuilding.rebuild(
                ledger,
                now=timezone.now(),
                listeners=[settle_requests],
                emptied=self._progress("rows deleted"),
                applied=self._progress("blocks applied"),
            )
        self.stdout.write(f"rebuilt from {blocks} blocks; start run_ledger again")

    def _export(self, options: Mapping[str, Any]) -> None:
        with open_reader() as ledger:
            height, progress = ledger.height, self._progress("blocks written")
            for block in blocks_between(ledger, options["first"], height):
                self.stdout.write(canonical_json(to_plain(block)).decode())
                progress(block.number + 1, height)

    def _retry(self, options: Mapping[str, Any]) -> None:
        count = set_aside.retry_set_aside(options["operation_id"])
        if not count:
            raise CommandError(f"no operation {options['operation_id']} is set aside")
        others = f", and {count - 1} that waited for it" if count > 1 else ""
        self.stdout.write(f"{options['operation_id']} goes to the ledger again{others}")

    def _drop(self, options: Mapping[str, Any]) -> None:
        if not set_aside.drop_set_aside(options["operation_id"], now=timezone.now()):
            raise CommandError(f"no operation {options['operation_id']} is set aside")
        self.stdout.write(f"{options['operation_id']} is given up; what its job had reserved is free again")

    def _refuse_claim(self, options: Mapping[str, Any]) -> None:
        operation_id = refuse_claim(options["job_id"], reason=options["reason"], now=timezone.now())
        self.stdout.write(f"{operation_id} goes to the ledger")

    def _answer(self, options: Mapping[str, Any], plain: object, text: str) -> None:
        self.stdout.write(json.dumps(plain, default=str) if options["json"] else text)

    def _progress(self, what: str) -> "Progress":
        return Progress(self.stderr, what)


class Progress:
    """Says on standard error how far a long job is, once a second."""

    def __init__(self, stream: Any, what: str) -> None:
        self._stream = stream
        self._what = what
        self._said = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Note how far it is."""
        if time.monotonic() - self._said >= _PROGRESS_SECONDS:
            self._said = time.monotonic()
            self._stream.write(f"{done} of {total} {self._what}")
