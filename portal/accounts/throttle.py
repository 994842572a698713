"""Bounds on attempts (sign-in, sign-up, enrolment), counted in the database so that all processes count together."""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import authenticate
from django.db import transaction
from django.db.models import F

from portal.accounts.errors import SignInFailed
from portal.accounts.models import Account, Throttle
from portal.errors import Invalid, TooManyAttempts
from wire.signing import sha256_hex


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """At most `attempts` in `window`."""

    attempts: int
    window: timedelta


#: One account from one address; one address; one account (so that a stranger needs many addresses to lock it).
SIGN_IN_PAIR = Bound(attempts=10, window=timedelta(minutes=15))
SIGN_IN_ADDRESS = Bound(attempts=50, window=timedelta(minutes=15))
SIGN_IN_ACCOUNT = Bound(attempts=100, window=timedelta(minutes=15))
SIGN_UP_ADDRESS = Bound(attempts=50, window=timedelta(hours=1))
DEPOSITS = Bound(attempts=60, window=timedelta(hours=1))
#: Transfers, payouts, notices, top-ups asked for.
MOVES = Bound(attempts=60, window=timedelta(hours=1))
IMAGE_CHECKS = Bound(attempts=300, window=timedelta(hours=1))
#: Operations that participants signed: of an address before anything is checked, of a key once it is sure.
OPERATION_ADDRESS = Bound(attempts=2400, window=timedelta(hours=1))
OPERATION_KEY = Bound(attempts=1200, window=timedelta(hours=1))
#: Passwords asked for once more before something that cannot be taken back.
PASSWORDS = Bound(attempts=10, window=timedelta(minutes=15))
ENROLMENT_ADDRESS = Bound(attempts=20, window=timedelta(minutes=15))


def charge(key: str, bound: Bound, now: datetime) -> None:
    """Count one attempt before it is made, so that attempts at the same time cannot slip through.

    :raises TooManyAttempts: when there were as many as allowed; `retry_after` says when to try again.
    """
    digest = sha256_hex(key.encode())
    with transaction.atomic():
        row, created = Throttle.objects.get_or_create(
            key=digest, defaults={"attempts": 1, "resets_at": now + bound.window}
        )
        if created:
            Throttle.objects.filter(resets_at__lte=now).delete()
            return
        mine = Throttle.objects.filter(key=digest)
        if mine.filter(resets_at__lte=now).update(attempts=1, resets_at=now + bound.window):
            return
        if mine.filter(attempts__lt=bound.attempts).update(attempts=F("attempts") + 1):
            return
    raise TooManyAttempts(retry_after=max(1, int((row.resets_at - now).total_seconds()) + 1))


def forgive(key: str) -> None:
    """Forget all attempts: the last one succeeded."""
    Throttle.objects.filter(key=sha256_hex(key.encode())).delete()


def refund(key: str) -> None:
    """Forget one attempt: it succeeded, which says nothing of the others."""
    Throttle.objects.filter(key=sha256_hex(key.encode()), attempts__gt=0).update(attempts=F("attempts") - 1)


def network(address: str) -> str:
    """Return what one party can be assumed to hold: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))


def sign_in(username: str, *, password: str, address: str, now: datetime) -> Account:
    """Return the account that name and password belong to; the caller starts the session.

    :raises SignInFailed: when they do not belong together.
    :raises TooManyAttempts: when too many failed before.
    """
    party, name = network(address), username.strip().lower()
    pair, account = f"sign-in:{name}:{party}", f"sign-in:{name}"
    charge(pair, SIGN_IN_PAIR, now)
    charge(f"sign-in:{party}", SIGN_IN_ADDRESS, now)
    charge(account, SIGN_IN_ACCOUNT, now)
    # Some databases take no NUL in a text, and no name has one.
    found = authenticate(username=name, password=password) if name.isprintable() else None
    if not isinstance(found, Account):
        raise SignInFailed
    forgive(pair)
    forgive(account)
    refund(f"sign-in:{party}")
    return found


def confirm_password(account: Account, *, password: str, now: datetime) -> None:
    """Go on only with the account's password: a session or token alone may have been stolen.

    :raises Invalid: when it is another one.
    :raises TooManyAttempts: when too many were wrong before.
    """
    key = f"password:{account.id}"
    charge(key, PASSWORDS, now)
    if not account.check_password(password):
        raise Invalid.field("password", "This is not your password.")
    forgive(key)


def limit_sign_ups(address: str, now: datetime) -> None:
    """Count a sign-up from an address.

    :raises TooManyAttempts: when there were too many.
    """
    charge(f"sign-up:{network(address)}", SIGN_UP_ADDRESS, now)


def limit_enrolments(address: str, now: datetime) -> None:
    """Count an enrolment from an address.

    :raises TooManyAttempts: when there were too many.
    """
    charge(f"enrolment:{network(address)}", ENROLMENT_ADDRESS, now)


def limit_deposits(account: Account, now: datetime) -> None:
    """Count a deposit of an account: each becomes an operation on the ledger.

    :raises TooManyAttempts: when there were too many.
    """
    charge(f"deposit:{account.id}", DEPOSITS, now)


def limit_operations_from(address: str, now: datetime) -> None:
    """Count an operation that came from an address, whoever signed it.

    :raises TooManyAttempts: when there were too many.
    """
    charge(f"operation:{network(address)}", OPERATION_ADDRESS, now)


def limit_operations_by(key_id: str, now: datetime) -> None:
    """Count an operation that a key certainly signed: a forged one costs its supposed author nothing.

    :raises TooManyAttempts: when there were too many.
    """
    charge(f"operation-key:{key_id}", OPERATION_KEY, now)


def limit_moves(account: Account, now: datetime) -> None:
    """Count a movement of money that an account asks for.

    :raises TooManyAttempts: when there were too many.
    """
    charge(f"move:{account.id}", MOVES, now)


def limit_image_checks(account: Account, now: datetime) -> None:
    """Count a question to an image registry, which the portal asks in a developer's name.

    :raises TooManyAttempts: when there were too many.
    """
    charge(f"image-check:{account.id}", IMAGE_CHECKS, now)


def refund_enrolment(address: str) -> None:
    """Do not count an enrolment that succeeded."""
    refund(f"enrolment:{network(address)}")
