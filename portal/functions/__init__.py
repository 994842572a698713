"""Functions and their versions."""
