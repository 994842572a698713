from tests.support.ledger_contract import LedgerContract


class TestMemoryLedger(LedgerContract):
    """The fixtures are conftest's."""
