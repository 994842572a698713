"""A private PostgreSQL server; it refuses root, so root runs it as a plain user."""

import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.errors import DeployError, Missing
from deploy.files import secret_file
from deploy.servers.process import SERVERS, Program

_USERS = ("postgres", "nobody")
_SETTINGS = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
password_encryption = scram-sha-256
max_connections = 200
shared_buffers = 256MB
max_wal_size = 4GB
wal_compression = on
log_min_messages = warning
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class PostgreSQL:
    """Where the server keeps its files and listens, and its one user."""

    directory: Path
    port: int
    user: str
    password: str

    def url(self, name: str) -> str:
        """Return a database's address as CHAINFAAS_DATABASE_URL takes it."""
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{name}"

    def connect(self, name: str = "postgres") -> psycopg.Connection:
        """Return a connection to a database, in autocommit."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=name,
            connect_timeout=30,
            autocommit=True,
        )

    def answers(self) -> bool:
        """Return whether the server takes connections."""
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self, name: str) -> str:
        """Create a database unless it exists, and return its address."""
        with self.connect() as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def program(self) -> Program:
        """Return the server as a program; its data directory is made when there is none.

        :raises Missing: when it is not installed.
        """
        binaries = _binaries()
        data = self.directory / "data"
        owner = _plain_user()
        if not (data / "PG_VERSION").exists():
            self._initialise(binaries, data, owner)
        (data / "chainfaas.conf").write_text(_SETTINGS.format(port=self.port))
        # A killed server leaves it behind; the supervisor has seen to it that no server of ours is left.
        (data / "postmaster.pid").unlink(missing_ok=True)
        return Program(
            name="postgresql",
            command=[binaries / "postgres", "-D", data],
            directory=self.directory,
            user=owner,
            ready=self.answers,
            # "Fast" shutdown: open connections are closed.
            stop_signal=signal.SIGINT,
            rank=SERVERS,
        )

    def _initialise(self, binaries: Path, data: Path, owner: str | None) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        password_file = secret_file(self.directory / "password", self.password)
        shutil.rmtree(data, ignore_errors=True)
        if owner is not None:
            _give(self.directory, owner)
            _give(password_file, owner)
        made = subprocess.run(  # noqa: S603 - fixed arguments
            [str(binaries / "initdb"), "-D", str(data), *self._cluster_options(password_file)],
            capture_output=True,
            cwd=self.directory,
            user=owner,
            check=False,
            text=True,
        )
        if made.returncode:
            raise DeployError(f"PostgreSQL's initdb failed in {data}: {made.stderr.strip()}")
        with (data / "postgresql.conf").open("a") as settings:
            settings.write("include = 'chainfaas.conf'\n")
        secret_file(data / "chainfaas.conf", "")
        if owner is not None:
            _give(data / "chainfaas.conf", owner)

    def _cluster_options(self, password_file: Path) -> list[str]:
        return [
            f"--username={self.user}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]


def _binaries() -> Path:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not versions:
        raise Missing("PostgreSQL is not installed: apt-get install postgresql-15")
    return versions[-1].parent


def _plain_user() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _USERS if name in known)


def _give(path: Path, owner: str) -> None:
    entry = pwd.getpwnam(owner)
    os.chown(path, entry.pw_uid, entry.pw_gid)
