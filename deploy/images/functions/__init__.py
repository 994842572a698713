"""Programs that run in containers."""
