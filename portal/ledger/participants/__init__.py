"""What participants do on the ledger by keys of their own, and what the controller does with it."""
