"""Django's DATABASES from one URL."""

from typing import Any
from urllib.parse import urlsplit

from portal.environment import SettingError


def database(url: str, password: str) -> dict[str, Any]:
    """Return the settings of the default database.

    SQLite waits for its one writer, begins by taking the write lock (so that no transaction fails half-way), and syncs
    each commit.

    :raises SettingError: when the URL is neither SQLite's nor PostgreSQL's, or holds a password.
    """
    parts = urlsplit(url)
    if parts.password:
        raise SettingError("CHAINFAAS_DATABASE_URL holds a password: put it into CHAINFAAS_DATABASE_PASSWORD_FILE")
    if parts.scheme == "sqlite" and parts.path.startswith("/"):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": parts.path,
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    if parts.scheme == "postgresql":
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": parts.path.lstrip("/"),
            "USER": parts.username or "",
            "PASSWORD": password,
            "HOST": parts.hostname or "",
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": None,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {"connect_timeout": 5},
        }
    raise SettingError("CHAINFAAS_DATABASE_URL: expected sqlite:////absolute/path or postgresql://user@host:port/name")
