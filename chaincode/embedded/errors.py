"""What the embedded ledger cannot do, with one root."""


class LedgerError(Exception):
    """The embedded ledger cannot do what was asked."""


class LedgerExists(LedgerError):
    """There is a ledger in this file already."""


class LedgerMissing(LedgerError):
    """There is no ledger in this file."""


class LedgerInUse(LedgerError):
    """Another process writes to this ledger; the message names it."""


class TransactionRefused(LedgerError):
    """A transaction is no part of the ledger, for what is in it; it will not be later either."""


class LedgerDamaged(LedgerError):
    """The file is not what the ledger wrote; the message names the block."""
