"""What owners do with their money, and what the ledger holds about it besides balances."""
