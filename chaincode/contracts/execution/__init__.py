"""Runs operations against a stub: reads them, knows which can be called, applies or refuses each alone."""
