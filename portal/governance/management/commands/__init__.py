"""Commands of the signers."""
