"""What contracts are written with: a transaction's context, its cache, the keys that sign."""
