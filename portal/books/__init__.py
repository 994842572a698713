"""What the ledger's blocks say: the read model, its queries, statements and audit."""
