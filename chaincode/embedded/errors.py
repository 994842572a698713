"""What the embedded ledger cannot do, with one root."""


class StoreError(Exception):
    """The embedded ledger cannot do what was asked."""


class LedgerExists(StoreError):
    """There is a ledger in this file already."""


class StoreMissing(StoreError):
    """There is no ledger in this file."""


class StoreInUse(StoreError):
    """Another process writes to this ledger; the message names it."""


class StoreRefused(StoreError):
    """A transaction is no part of the ledger, for what is in it; it will not be later either."""


class StoreDamaged(StoreError):
    """The file is not what the ledger wrote; the message names the block."""
