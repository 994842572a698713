"""Checks of arguments; each refusal names the field."""

import re
from collections.abc import Mapping

from chaincode.contracts.errors import Refused
from wire.errors import Malformed, WireError
from wire.ledger.refusals import Refusal
from wire.ledger.state_keys import RESERVED_ACCOUNTS
from wire.money import MAX_MICRO
from wire.signing import PublicKey

#: No `~`: it separates the parts of a key.
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_IMAGE = re.compile(r"[a-z0-9][a-zA-Z0-9._:/-]{0,400}@sha256:[0-9a-f]{64}")
_OPERATION_ID = re.compile(r"[A-Za-z0-9._:-]{1,160}")
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{43}")
#: Times and prices stay within 53 bits, so that every JSON reader counts them exactly.
MAX_NUMBER = 2**53


def refuse(name: str, expected: str) -> Refused:
    """Return the refusal of a field, to be raised."""
    return Refused(Refusal.MALFORMED, f"{name}: expected {expected}")


def because(error: WireError) -> str:
    """Return why something cannot be read, in words that are the same on every peer: Python's own are not."""
    return "not JSON" if str(error).startswith("not JSON") else str(error)[:200]


def identifiers(**values: str) -> None:
    """Check ids: letters, digits and `._:-`, at most 80."""
    for name, value in values.items():
        if not _IDENTIFIER.fullmatch(value):
            raise refuse(name, "letters, digits and ._:-, 1 to 80 of them")


def operation_id(name: str, value: str) -> None:
    """Check the id of an operation: letters, digits and `._:-`, at most 160."""
    if not _OPERATION_ID.fullmatch(value):
        raise refuse(name, "letters, digits and ._:-, 1 to 160 of them")


def key_id(name: str, value: str) -> str:
    """Return an RFC 7638 thumbprint that looks like one."""
    if not _KEY_ID.fullmatch(value):
        raise refuse(name, "an RFC 7638 thumbprint")
    return value


def digests(**values: str) -> None:
    """Check SHA-256 digests in lower-case hexadecimal."""
    for name, value in values.items():
        if not _DIGEST.fullmatch(value):
            raise refuse(name, "a SHA-256 in lower-case hexadecimal")


def amounts(**values: int) -> None:
    """Check amounts that move: more than nothing, at most what the ledger counts."""
    for name, value in values.items():
        within(name, value, (1, MAX_MICRO))


def numbers(**values: int) -> None:
    """Check counts, times and prices: none negative."""
    for name, value in values.items():
        within(name, value, (0, MAX_NUMBER))


def within(name: str, value: int, bounds: tuple[int, int]) -> None:
    """Check a whole number against its bounds; `True` is no number."""
    low, high = bounds
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise refuse(name, f"a whole number from {low} to {high}")


def limits(values: Mapping[str, int], bounds: Mapping[str, tuple[int, int]]) -> None:
    """Check each value against the bounds of its name."""
    for name, value in values.items():
        within(name, value, bounds[name])


def image(name: str, value: str) -> None:
    """Check an image pinned by digest."""
    if not _IMAGE.fullmatch(value):
        raise refuse(name, "an image pinned by digest: registry/name@sha256:…")


def text(name: str, value: str, longest: int) -> None:
    """Check a line that people wrote."""
    if not 1 <= len(value) <= longest or not value.isprintable():
        raise refuse(name, f"1 to {longest} printable characters")


def public_key(name: str, pem: str) -> PublicKey:
    """Return the key in a PEM."""
    try:
        return PublicKey.from_pem(pem)
    except Malformed as error:
        raise refuse(name, "a P-256 public key in PEM") from error


def participant(name: str, account_id: str) -> None:
    """Check that an account is a participant's: the platform's, the peers' and the bond belong to nobody."""
    if account_id in RESERVED_ACCOUNTS:
        raise refuse(name, "a participant's account")
