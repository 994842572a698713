"""A program that puts jobs into the outbox, each in database transactions of its own: so many for each line it reads.

It stands for portal and scheduler where a test watches the ledger's process from outside.
"""

import sys
from datetime import UTC, datetime

import django

#: The developer's deposit, in credits.
DEPOSIT = 100_000


class SystemClock:
    """The machine's time."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)

    def ms(self) -> int:
        return int(self().timestamp() * 1000)


def main() -> None:
    """Open a market and run as many jobs in it as each line asks for."""
    django.setup()
    from django.db import transaction  # noqa: PLC0415 - after Django's setup

    from portal.keys import KeyName, signing_key  # noqa: PLC0415 - as above
    from tests.support.outbox.market import CREDIT, Market  # noqa: PLC0415 - as above

    market = Market(clock=SystemClock(), keys={name: signing_key(name) for name in KeyName})
    with transaction.atomic():
        market.opens(deposit=DEPOSIT * CREDIT)
    for line in sys.stdin:
        for _ in range(int(line)):
            with transaction.atomic():
                job_id = market.creates()
            with transaction.atomic():
                market.receipts(job_id)
                market.confirms(job_id)


if __name__ == "__main__":
    main()
