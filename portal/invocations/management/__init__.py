"""Commands of the invocations app."""
