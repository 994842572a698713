"""The way to the ledger and back: outbox, recorder, follower, read model."""
