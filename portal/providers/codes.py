"""One-time codes: easy to read out and to type, hopeless to guess, good once and for the machine that used them."""

import secrets
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from django.db import models
from django.db.models import QuerySet

from portal.accounts import throttle
from portal.accounts.models import Account
from portal.accounts.throttle import Attempt
from portal.providers.errors import CodeExpired, CodeUnknown, CodeUsed, TooManyCodes
from wire.enrolment import code_digest

#: Crockford's base 32: no I, L, O, U.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_GROUPS, _GROUP = 4, 5
CODE_VALID = timedelta(hours=1)
#: After the code's expiry, the machine that used it may still ask again because the answer was lost.
REPEAT_VALID = timedelta(minutes=15)
MAX_OPEN_CODES = 20


class OneTimeCode(models.Model):
    """A code that lets one machine in; only its SHA-256 is stored."""

    owner = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    code_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    #: The key that used it: the same machine may ask again when the answer was lost.
    used_by_key_id = models.CharField(max_length=64, blank=True)

    class Meta:
        """Each kind of codes has a table of its own."""

        abstract = True


C = TypeVar("C", bound=OneTimeCode)


def machine_attempt(address: str, now: datetime) -> AbstractContextManager[None]:
    """Count what a machine without an account tries inside, from the first thing read, unless all of it succeeds.

    :raises TooManyAttempts: when too many tries from this address failed.
    """
    return throttle.failures(Attempt.ENROLMENT, address, now)


class NewCode(NamedTuple, Generic[C]):
    """A code that was just made: the only time its text exists."""

    code: C
    text: str


def new_code() -> str:
    """Return a random code of 100 bits, such as `7K3QX-0M2ZD-9VR4T-HJ8WB`."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))


def open_codes(codes: QuerySet[C], owner: Account, now: datetime) -> QuerySet[C]:
    """Return an owner's codes that a machine can still use."""
    return codes.filter(owner=owner, used_at__isnull=True, expires_at__gt=now)


def make_code(codes: QuerySet[C], owner: Account, *, now: datetime, **columns: object) -> NewCode[C]:
    """Make a code.

    :raises TooManyCodes: when `MAX_OPEN_CODES` of the owner are unused.
    """
    if open_codes(codes, owner, now).count() >= MAX_OPEN_CODES:
        raise TooManyCodes
    text = new_code()
    row = {"owner": owner, "code_hash": code_digest(text), "created_at": now, "expires_at": now + CODE_VALID}
    return NewCode(codes.create(**row, **columns), text)


def claim_code(codes: QuerySet[C], *, digest: str, key_id: str, now: datetime) -> C:
    """Use a code up for a key, and return it; the same key may repeat that.

    :raises CodeUnknown: when there is no such code.
    :raises CodeExpired: when it is too late.
    :raises CodeUsed: when another key has used the code.
    """
    code = codes.filter(code_hash=digest).select_related("owner").first()
    if code is None or not code.owner.is_active:
        raise CodeUnknown
    unused = codes.filter(pk=code.pk, used_at__isnull=True, expires_at__gt=now)
    if unused.update(used_at=now, used_by_key_id=key_id):
        return code
    code.refresh_from_db()
    if code.used_at is not None and code.used_by_key_id != key_id:
        raise CodeUsed
    if code.used_at is None or code.expires_at + REPEAT_VALID <= now:
        raise CodeExpired
    return code
