"""What owners and administrators do with money: moving it, asking for it, approving; and what the ledger made of it."""
