"""The settings under which the tests run: generated secrets, files in a directory of this run's own."""

import atexit
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from deploy.files import secret_file
from deploy.servers.ports import free_ports

#: `sqlite` (default) or `postgresql`: where the tests that touch Django's database run.
DATABASE_VARIABLE = "CHAINFAAS_TEST_DATABASE"
POSTGRESQL_USER = "chainfaas"


def on_postgresql() -> bool:
    """Return whether Django's database is the session's PostgreSQL."""
    return os.environ.get(DATABASE_VARIABLE, "sqlite") == "postgresql"


@cache
def postgresql_port() -> int:
    """Return where this session's PostgreSQL listens, once it is started."""
    return free_ports(1)[0]


@cache
def postgresql_password() -> str:
    """Return the password of its one user."""
    return secrets.token_hex(16)


def prepare() -> None:
    """Set what portal/environment.py asks for; Django is not loaded yet."""
    home = Path(tempfile.mkdtemp(prefix="chainfaas-settings-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    keys = home / "keys"
    keys.mkdir(mode=0o700)
    database, password = f"sqlite:///{home / 'portal.sqlite3'}", ""
    if on_postgresql():
        database = f"postgresql://{POSTGRESQL_USER}@127.0.0.1:{postgresql_port()}/chainfaas"
        password = postgresql_password()
    os.environ.update(
        {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "CHAINFAAS_SECRET_KEY_FILE": str(secret_file(home / "secret-key", secrets.token_urlsafe(64))),
            "CHAINFAAS_DATABASE_URL": database,
            "CHAINFAAS_DATABASE_PASSWORD_FILE": str(secret_file(home / "database-password", password)),
            "CHAINFAAS_PORTAL_URL": "https://localhost:8443",
            "CHAINFAAS_FUNCTIONS_URL": "https://127.0.0.1:8444",
            "CHAINFAAS_BROKER_PASSWORD_FILE": str(secret_file(home / "broker-password", secrets.token_hex(16))),
            "CHAINFAAS_KEYS_DIR": str(keys),
            "CHAINFAAS_LEDGER_FILE": str(home / "ledger.sqlite3"),
        }
    )


if __name__ == "__main__":
    prepare()
    sys.exit(subprocess.run(sys.argv[1:], check=False).returncode)
