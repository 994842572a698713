"""What waits for the ledger, and the recorder that brings it there."""
