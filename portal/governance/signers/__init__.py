"""Each organisation's signer: signs what was approved, after a look of its own."""
