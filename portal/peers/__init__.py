"""Operators of peers: they join with a one-time code, attest each epoch, and share the commission."""
