"""Times of the wire and the ledger as the database has them."""

from datetime import UTC, datetime


def moment(timestamp_ms: int) -> datetime:
    """Return a time that the wire and the ledger have in milliseconds since 1970."""
    return datetime.fromtimestamp(timestamp_ms / 1000, tz=UTC)
