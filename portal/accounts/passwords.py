"""Operations that a password opens, each tried a bounded number of times."""

from datetime import datetime

from django.contrib.auth import authenticate

from portal.accounts import throttle
from portal.accounts.errors import SignInFailed
from portal.accounts.models import Account
from portal.accounts.throttle import Attempt
from portal.errors import Invalid


def sign_in(username: str, *, password: str, address: str, now: datetime) -> Account:
    """Return the account that name and password belong to; the caller starts the session.

    :raises SignInFailed: when they do not belong together.
    :raises TooManyAttempts: when too many failed before.
    """
    name = username.strip().lower()
    pair = f"{name}:{throttle.network(address)}"
    throttle.count(Attempt.SIGN_IN, pair, now)
    throttle.count(Attempt.SIGN_IN_ADDRESS, address, now)
    throttle.count(Attempt.SIGN_IN_ACCOUNT, name, now)
    # Some databases take no NUL in a text, and no name has one.
    found = authenticate(username=name, password=password) if name.isprintable() else None
    if not isinstance(found, Account):
        raise SignInFailed
    throttle.forgive(Attempt.SIGN_IN, pair)
    throttle.forgive(Attempt.SIGN_IN_ACCOUNT, name)
    throttle.refund(Attempt.SIGN_IN_ADDRESS, address)
    return found


def confirm_password(account: Account, *, password: str, now: datetime) -> None:
    """Go on only with the account's password: a session or token alone may have been stolen.

    :raises Invalid: when it is another one.
    :raises TooManyAttempts: when too many were wrong before.
    """
    throttle.count(Attempt.PASSWORD, account.id, now)
    if not account.check_password(password):
        raise Invalid.field("password", "This is not your password.")
    throttle.forgive(Attempt.PASSWORD, account.id)
