"""The ledger's process: its loop, its chores, its commands."""
