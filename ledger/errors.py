"""What can go wrong between a user of a ledger and the ledger; whether a retry helps is a property of the error."""

from enum import Enum
from typing import ClassVar


class Retry(Enum):
    """What to do with a transaction after an error."""

    #: Its outcome is unknown: ask the ledger for this transaction before anything else.
    SAME_TRANSACTION = "same transaction"
    #: It did not happen: the same operations may go out again in a new transaction.
    NEW_TRANSACTION = "new transaction"
    #: The same operations would fail again.
    NEVER = "never"


class LedgerError(Exception):
    """The ledger did not do what was asked."""

    retry: ClassVar[Retry] = Retry.NEVER


class LedgerUnavailable(LedgerError):
    """The ledger cannot be reached or written to just now; nothing has happened."""

    retry = Retry.NEW_TRANSACTION


class ReadConflict(LedgerError):
    """Another transaction changed meanwhile what this one had read; it changed nothing."""

    retry = Retry.NEW_TRANSACTION


class CommitUnknown(LedgerError):
    """The transaction was handed over and no answer came."""

    retry = Retry.SAME_TRANSACTION


class TransactionRefused(LedgerError):
    """The ledger refuses the transaction as a whole, or failed on it, for what is in it."""


class LedgerMissing(LedgerError):
    """There is no ledger at the configured place."""


class LedgerInUse(LedgerError):
    """Another process writes to the ledger."""


class LedgerDamaged(LedgerError):
    """The ledger's blocks do not fit together."""
