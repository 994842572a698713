"""How often what may be done: one table, counted in the database so that all processes count together.

Operations count, not views: whichever way somebody comes, the same is counted.
"""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import F

from portal.accounts.models import Throttle
from portal.errors import TooManyAttempts
from wire.signing import sha256_hex


class Attempt(StrEnum):
    """What is counted."""

    SIGN_IN = "sign-in"
    SIGN_IN_ADDRESS = "sign-in-address"
    SIGN_IN_ACCOUNT = "sign-in-account"
    SIGN_UP = "sign-up"
    #: A password asked for once more before something that cannot be taken back.
    PASSWORD = "password"  # noqa: S105 - the name of an attempt
    #: A machine that becomes a provider, renews its certificates, or joins as a peer.
    ENROLMENT = "enrolment"
    #: Each becomes an operation on the ledger.
    DEPOSIT = "deposit"
    #: Transfers, payouts, notices, withdrawals, top-ups asked for.
    MOVE = "move"
    #: A question to an image registry, which the portal asks in a developer's name.
    IMAGE_CHECK = "image-check"
    #: An operation that a participant signed, before anything of it is checked.
    OPERATION = "operation"
    #: The same once its signature is sure: a forged one costs its supposed author nothing.
    OPERATION_KEY = "operation-key"


class By(StrEnum):
    """Of whom it is counted."""

    ACCOUNT = "account"
    ADDRESS = "address"
    #: One account from one address.
    BOTH = "account and address"
    KEY = "key"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """At most `attempts` in `window`."""

    attempts: int
    window: timedelta
    by: By


_QUARTER, _HOUR = timedelta(minutes=15), timedelta(hours=1)

#: docs/errors.md shows it; a test keeps that page equal to it.
BOUNDS: dict[Attempt, Bound] = {
    Attempt.SIGN_IN: Bound(attempts=10, window=_QUARTER, by=By.BOTH),
    Attempt.SIGN_IN_ADDRESS: Bound(attempts=50, window=_QUARTER, by=By.ADDRESS),
    # So many that a stranger needs many addresses to lock an account.
    Attempt.SIGN_IN_ACCOUNT: Bound(attempts=100, window=_QUARTER, by=By.ACCOUNT),
    Attempt.SIGN_UP: Bound(attempts=50, window=_HOUR, by=By.ADDRESS),
    Attempt.PASSWORD: Bound(attempts=10, window=_QUARTER, by=By.ACCOUNT),
    Attempt.ENROLMENT: Bound(attempts=20, window=_QUARTER, by=By.ADDRESS),
    Attempt.DEPOSIT: Bound(attempts=60, window=_HOUR, by=By.ACCOUNT),
    Attempt.MOVE: Bound(attempts=60, window=_HOUR, by=By.ACCOUNT),
    Attempt.IMAGE_CHECK: Bound(attempts=300, window=_HOUR, by=By.ACCOUNT),
    Attempt.OPERATION: Bound(attempts=2400, window=_HOUR, by=By.ADDRESS),
    Attempt.OPERATION_KEY: Bound(attempts=1200, window=_HOUR, by=By.KEY),
}


def count(attempt: Attempt, who: object, now: datetime) -> None:
    """Count one attempt before it is made, so that attempts at the same time cannot slip through.

    :raises TooManyAttempts: when there were as many as allowed; `retry_after` says when to try again.
    """
    bound, key = BOUNDS[attempt], _key(attempt, who)
    with transaction.atomic():
        row, created = Throttle.objects.get_or_create(
            key=key, defaults={"attempts": 1, "resets_at": now + bound.window}
        )
        if created:
            Throttle.objects.filter(resets_at__lte=now).delete()
            return
        mine = Throttle.objects.filter(key=key)
        if mine.filter(resets_at__lte=now).update(attempts=1, resets_at=now + bound.window):
            return
        if mine.filter(attempts__lt=bound.attempts).update(attempts=F("attempts") + 1):
            return
    raise TooManyAttempts(retry_after=max(1, int((row.resets_at - now).total_seconds()) + 1))


@contextmanager
def failures(attempt: Attempt, who: object, now: datetime) -> Iterator[None]:
    """Count what is tried inside unless it succeeds.

    :raises TooManyAttempts: when as many as allowed failed.
    """
    count(attempt, who, now)
    yield
    refund(attempt, who)


def forgive(attempt: Attempt, who: object) -> None:
    """Forget all attempts: the last one succeeded."""
    Throttle.objects.filter(key=_key(attempt, who)).delete()


def refund(attempt: Attempt, who: object) -> None:
    """Forget one attempt: it succeeded, which says nothing of the others."""
    Throttle.objects.filter(key=_key(attempt, who), attempts__gt=0).update(attempts=F("attempts") - 1)


def network(address: str) -> str:
    """Return what one party can be assumed to hold: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))


def _key(attempt: Attempt, who: object) -> str:
    party = network(str(who)) if BOUNDS[attempt].by is By.ADDRESS else who
    return sha256_hex(f"{attempt}:{party}".encode())
