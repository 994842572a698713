"""`manage.py top_up`: put money on an account, against an external reference such as a bank transfer's."""

import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal.accounts.models import Account
from portal.custody import topping_up
from portal.errors import PortalError
from portal.outbox import queries
from portal.outbox.errors import OperationConflict
from portal.outbox.models import OutboxOperation, OutboxState
from wire.errors import Malformed
from wire.ledger.operations import Deposit
from wire.money import MAX_MICRO, Micro, credits_text, micro_from_text

#: Exit status when the ledger has not answered in time; the top-up is on its way and a repeat asks again.
EXIT_WAITING = 3
_POLL_SECONDS = 0.02


class Command(BaseCommand):
    """Propose by the treasury's key, approve by both authorities', deposit by custody's, and wait for the ledger.

    Only for who holds all four key files: everybody else asks for a top-up in the portal.
    """

    help = "Put credits on an account. The same reference again changes nothing and says so."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take who, how much, and against what."""
        parser.add_argument("username")
        parser.add_argument("credits", help="Such as 600 or 0.5, at most 6 decimals.")
        parser.add_argument("--reference", required=True, help="External reference: letters, digits and -_.:")
        parser.add_argument(
            "--available", action="store_true", help="Leave the money available instead of depositing it for jobs."
        )
        parser.add_argument("--seconds", type=float, default=30.0, help="How long to wait for the ledger.")

    def handle(self, *_args: object, **options: Any) -> None:
        """Top up and say what became of it."""
        account, amount, now = _account(options["username"]), _amount(options["credits"]), timezone.now()
        try:
            ids = topping_up.top_up(
                account.id,
                amount=amount,
                reference=options["reference"],
                now=now,
                to_deposit=not options["available"],
            )
        except OperationConflict as error:
            used = f"reference {options['reference']} was used before, for another account or amount"
            raise CommandError(used) from error
        except PortalError as error:
            raise CommandError(str(error)) from error
        outcome = _wait(ids, options["seconds"])
        self._say(outcome, what=f"{credits_text(amount)} credits for {account.username}", now=now)

    def _say(self, outcome: Sequence[OutboxOperation], *, what: str, now: datetime) -> None:
        for view in outcome:
            if view.waits:
                self.stderr.write(f"{what}: on its way, the ledger has not answered yet. Is run_ledger running?")
                sys.exit(EXIT_WAITING)
            if view.state != OutboxState.COMMITTED:
                raise CommandError(f"{what}: {view.kind} was not done: {view.reason}")
        if all(view.created_at < now for view in outcome):
            self.stdout.write(f"{what}: done before, on {outcome[0].created_at:%Y-%m-%d %H:%M:%S} UTC.")
        else:
            done = "minted and deposited" if outcome[-1].kind == Deposit.kind else "minted, available"
            self.stdout.write(f"{what}: {done}, in transaction {outcome[-1].transaction_id}.")


def _account(username: str) -> Account:
    try:
        return Account.objects.get(username=username)
    except Account.DoesNotExist as error:
        raise CommandError(f"there is no account {username}") from error


def _amount(text: str) -> Micro:
    try:
        amount = micro_from_text(text)
    except Malformed as error:
        raise CommandError(str(error)) from error
    if not 0 < amount <= MAX_MICRO:
        raise CommandError(f"amount {text}: expected more than 0, at most {credits_text(MAX_MICRO)} credits")
    return amount


def _wait(ids: Sequence[str], seconds: float) -> list[OutboxOperation]:
    """Return the operations once the ledger has answered, or as they stand when the time is over."""
    until = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        views = [view for view in map(queries.operation, ids) if view]
        if time.monotonic() > until or not any(view.waits for view in views):
            return views
        pause.wait(_POLL_SECONDS)
