"""Fabric's failures in the words of the port: each stage has its own, and a retry is decided here, once."""

from collections.abc import Iterator
from contextlib import contextmanager

from fabric_client import errors as fabric
from ledger.errors import (
    CommitUnknown,
    LedgerDamaged,
    LedgerError,
    LedgerMissing,
    LedgerUnavailable,
    ReadConflict,
    Retry,
    TransactionRefused,
)

_REFUSED = range(400, 500)


class TransactionInvalid(LedgerError):
    """The peers found the transaction not valid when they committed its block; it changed nothing."""

    retry = Retry.NEW_TRANSACTION


class NotAdmitted(LedgerUnavailable):
    """The network refuses this identity or the transaction's time."""


def translated(error: fabric.FabricError) -> LedgerError:
    """Return what one of Fabric's errors is in the words of the port."""
    if isinstance(error, fabric.ChaincodeRefused):
        # Beyond these the chaincode itself failed: it may be well again soon.
        kind = TransactionRefused if error.status in _REFUSED else LedgerUnavailable
        return kind(f"{error.reason} (chaincode status {error.status})")
    return _WORDS[type(error)](str(error))


_WORDS: dict[type[fabric.FabricError], type[LedgerError]] = {
    fabric.PeerUnavailable: LedgerUnavailable,
    fabric.EndorseFailed: LedgerUnavailable,
    fabric.EndorsementsDiffer: ReadConflict,
    fabric.NotPermitted: NotAdmitted,
    fabric.AlreadyKnown: CommitUnknown,
    fabric.SubmitUnknown: CommitUnknown,
    fabric.CommitStatusUnknown: CommitUnknown,
    fabric.CommitConflict: ReadConflict,
    fabric.CommitRefused: TransactionInvalid,
    fabric.BlockDamaged: LedgerDamaged,
    fabric.BadIdentity: LedgerMissing,
}


@contextmanager
def in_our_words() -> Iterator[None]:
    """Let Fabric's errors out of the block as the port's."""
    try:
        yield
    except fabric.FabricError as error:
        raise translated(error) from error
