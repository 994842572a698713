"""Publishing: what callers get and what the ledger allows change in one database transaction."""

from datetime import datetime

from django.db import transaction

from portal.custody.announcing import announce_version
from portal.functions import operations as functions
from portal.functions.models import Function, FunctionVersion


def publish(function: Function, *, version: FunctionVersion, now: datetime) -> Function:
    """Let callers get a version, and announce it on the ledger unless it was before.

    :raises VersionMissing: when the version is another function's.
    :raises WrongState: when the function was deleted.
    :raises FunctionMovedOn: when the function was changed since it was loaded.
    """
    with transaction.atomic():
        published = functions.publish(function, version=version)
        announce_version(version, now=now)
    return published


def roll_back(function: Function, *, version: FunctionVersion, now: datetime) -> Function:
    """Let callers get an earlier version again, and announce it on the ledger unless it was before.

    :raises VersionMissing: when the version is another function's.
    :raises WrongState: when the version is not earlier than the one that is live, or none is.
    :raises FunctionMovedOn: when the function was changed since it was loaded.
    """
    with transaction.atomic():
        published = functions.roll_back(function, version=version)
        announce_version(version, now=now)
    return published
