"""What processes tell and ask over HTTP."""
