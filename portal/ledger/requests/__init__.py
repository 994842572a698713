"""What needs administrators of both organisations: asked for, approved or refused, and what the ledger made of it."""
