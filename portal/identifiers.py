"""Columns of identifiers, and how to ask for any number of them."""

import json
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler

if TYPE_CHECKING:
    _Text = models.CharField[str, str]
    _Lookup = models.Lookup[Any]
else:
    # At run time they take no types.
    _Text = models.CharField
    _Lookup = models.Lookup


class IdentifierField(_Text):
    """A text of our own making, compared byte by byte, as the ledger orders its keys and SQLite its texts.

    On PostgreSQL one index of such a column serves equality, order and beginnings; of other texts Django makes two.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        """Return the column's type; by the name of it that makes Django add no index for patterns."""
        found = super().db_type(connection)
        return found and found.replace("varchar", "character varying", 1)

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        """Return type, check and collation."""
        found: dict[str, Any] = {**super().db_parameters(connection)}
        if connection.vendor == "postgresql":
            found["collation"] = "C"
        return found


@models.CharField.register_lookup
@models.IntegerField.register_lookup
class Among(_Lookup):
    """`column__among=values`: the column is one of many numbers, or texts of our own, which go as one parameter.

    Django's own `in` works on each value and writes it into the statement: for a thousand of them that takes longer
    than to find the rows.
    """

    lookup_name = "among"

    def get_prep_lookup(self) -> str:
        """Return the parameter."""
        return json.dumps(list(self.rhs))

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """Return the condition for SQLite."""
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} IN (SELECT value FROM json_each(%s))", (*parameters, self.rhs)  # noqa: S608 - a column's name

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """Return the condition for PostgreSQL."""
        column, parameters = self.process_lhs(compiler, connection)
        # A cast to the column's own type would cut what is too long for it.
        kind = "text" if isinstance(self.lhs.output_field, models.CharField) else "bigint"
        values = f"ARRAY(SELECT json_array_elements_text(%s::json)::{kind})"
        return f"{column} = ANY({values})", (*parameters, self.rhs)
