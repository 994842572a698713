"""Columns of identifiers."""

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:
    _Text = models.CharField[str, str]
else:
    # At run time it takes no types.
    _Text = models.CharField


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
