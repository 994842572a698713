"""The contracts: pure, deterministic, the same on every ledger."""
