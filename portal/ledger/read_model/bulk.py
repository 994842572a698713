"""Many rows in one statement's time: a block may bring ten thousand, and Django's own bulk_create costs twice as much.

Values are given as both databases take them: `text` for JSON, `stamp` and `when` for times, `identity` for UUIDs.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, models

from wire.codec import canonical_json


def text(value: object) -> str:
    """Return a value of a JSON column."""
    return canonical_json(value).decode()


def stamp(timestamp_ms: int | None) -> Any:
    """Return a value of a column of times from milliseconds since 1970."""
    return None if timestamp_ms is None else when(datetime.fromtimestamp(timestamp_ms / 1000, tz=UTC))


def when(at: datetime) -> Any:
    """Return a value of a column of times."""
    return connection.ops.adapt_datetimefield_value(at)


def identity(value: str) -> str:
    """Return a value of a column of UUIDs.

    :raises ValueError: when it is none.
    """
    return UUID(value).hex


def insert(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows."""
    _run(_insertion(model, columns), rows)


def upsert(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows, or change those whose first column, which is the key, is there."""
    quote = connection.ops.quote_name
    changes = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in columns[1:])
    _run(f"{_insertion(model, columns)} ON CONFLICT ({quote(columns[0])}) DO UPDATE SET {changes}", rows)


def update(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Change the rows whose first column, which is the key, is there; pass over the others."""
    key, *others = (f"{connection.ops.quote_name(name)} = %s" for name in columns)
    statement = f"UPDATE {_table(model)} SET {', '.join(others)} WHERE {key}"  # noqa: S608 - names of our own
    _run(statement, ((*values, identity) for identity, *values in rows))


def _insertion(model: type[models.Model], columns: Sequence[str]) -> str:
    quote = connection.ops.quote_name
    names, marks = ", ".join(map(quote, columns)), ", ".join(["%s"] * len(columns))
    return f"INSERT INTO {_table(model)} ({names}) VALUES ({marks})"  # noqa: S608 - names of our own tables and columns


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)  # noqa: SLF001 - Django documents it


def _run(statement: str, rows: Iterable[Sequence[Any]]) -> None:
    values = list(rows)
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(statement, values)
