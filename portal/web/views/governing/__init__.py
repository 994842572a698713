"""Pages of what administrators of both organisations decide together."""
