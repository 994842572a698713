"""A ledger as its users see it: the port, its errors, the embedded ledger, a Fabric network, one verification."""
