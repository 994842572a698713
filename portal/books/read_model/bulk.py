"""Many rows in one statement's time: a block may bring ten thousand, and Django's own bulk_create costs twice as much.

SQLite runs one prepared statement a row; PostgreSQL gets all rows in one statement, a binary array a column, beside
Django's own cursor: that would write ten thousand values into the statement's text.
Values are given as both databases take them: `text` for JSON, `stamp` and `when` for times, `identity` for UUIDs.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection, models

from portal.moments import moment
from wire.ledger.canonical import ledger_json


def text(value: object) -> str:
    """Return a value of a JSON column."""
    return ledger_json(value).decode()


def stamp(timestamp_ms: int | None) -> Any:
    """Return a value of a column of times from milliseconds since 1970."""
    return None if timestamp_ms is None else when(moment(timestamp_ms))


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
    _run(model, columns, rows, f"INSERT INTO {_table(model)} ({_names(columns)}) {{source}}")


def upsert(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows, each once, or change those whose first column, which is the key, is there."""
    key, *others = map(connection.ops.quote_name, columns)
    changes = ", ".join(f"{name} = excluded.{name}" for name in others)
    insertion = f"INSERT INTO {_table(model)} ({_names(columns)}) {{source}}"
    _run(model, columns, rows, f"{insertion} ON CONFLICT ({key}) DO UPDATE SET {changes}")


def update(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Change the rows whose first column, which is the key, is there; pass over the others."""
    table = _table(model)
    key, *others = map(connection.ops.quote_name, columns)
    changes = ", ".join(f"{name} = new.{name}" for name in others)
    given = f"WITH new ({_names(columns)}) AS ({{source}})"
    change = f"UPDATE {table} SET {changes} FROM new WHERE {table}.{key} = new.{key}"  # noqa: S608 - names of our own
    _run(model, columns, rows, f"{given} {change}")


def _run(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]], statement: str) -> None:
    values = list(rows)
    if not values:
        return
    if connection.vendor == "postgresql":
        arrays = [list(column) for column in zip(*values, strict=True)]
        connection.ensure_connection()
        with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
            cursor.execute(statement.format(source=_unnested(model, columns)), arrays)
        return
    marks = ", ".join(["%s"] * len(columns))
    with connection.cursor() as lite:
        lite.executemany(statement.format(source=f"VALUES ({marks})"), values)


def _unnested(model: type[models.Model], columns: Sequence[str]) -> str:
    """Return the rows of PostgreSQL's arrays, with the columns' names."""
    arrays = ", ".join(f"%b::{_kind(model, name)}[]" for name in columns)
    return f"SELECT * FROM unnest({arrays}) AS given ({_names(columns)})"  # noqa: S608 - names of our own


def _kind(model: type[models.Model], column: str) -> str:
    kind = str(model._meta.get_field(column).db_type(connection))  # noqa: SLF001 - Django documents it
    # The column itself refuses what is too long; a cast to its type would cut it.
    return "text" if kind.startswith(("varchar", "character varying")) else kind


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(connection.ops.quote_name, columns))


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)  # noqa: SLF001 - Django documents it
