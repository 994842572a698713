"""A statement as CSV: bounded, a page at a time, with times in UTC and in the account's zone."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, tzinfo
from uuid import UUID

from portal.books import statement
from portal.books.statement import StatementLine
from portal.outbox.queries import MOST_AT_ONCE
from wire.money import credits_text

#: Older movements are asked for with `before`.
MOST_LINES = 20_000
COLUMNS = ("time_utc", "time_local", "what", "credits", "moved_credits", "about", "transaction", "block", "id")
#: A spreadsheet takes a cell that begins so for a formula.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_pages(account_id: UUID, *, zone: tzinfo, before: int | None = None) -> Iterator[bytes]:
    """Yield the file in parts: its first line, then so many movements at a time, newest first."""
    yield _text([COLUMNS])
    written = 0
    while written < MOST_LINES:
        lines = statement.statement(account_id, before=before, limit=MOST_AT_ONCE)
        if not lines:
            return
        yield _text([_row(line, zone) for line in lines])
        written += len(lines)
        before = lines[-1].id


def _row(line: StatementLine, zone: tzinfo) -> tuple[str, ...]:
    return (
        line.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        line.at.astimezone(zone).isoformat(timespec="milliseconds"),
        line.kind,
        credits_text(line.amount_micro),
        credits_text(line.moved_micro),
        harmless(line.reference),
        line.transaction_id,
        str(line.block_number),
        str(line.id),
    )


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _text(rows: list[tuple[str, ...]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()
