"""The ledger in memory passes the port's suite."""

from tests.support.outbox.ledger_contract import LedgerContract


class TestMemoryLedger(LedgerContract):
    """The fixtures are conftest's."""
