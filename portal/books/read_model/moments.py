"""Times of the ledger as the database has them."""

from datetime import UTC, datetime


def moment(timestamp_ms: int) -> datetime:
    """Return a ledger's timestamp, milliseconds since 1970."""
    return datetime.fromtimestamp(timestamp_ms / 1000, tz=UTC)
