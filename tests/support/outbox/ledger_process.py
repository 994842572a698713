"""An installation of its own, with its database, keys and ledger's file, whose commands run as processes."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from deploy.files import secret_file
from deploy.servers.ports import free_ports
from tests.support.waiting import wait_for

ROOT = Path(__file__).resolve().parents[3]
_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class LedgerInstallation:
    """Where it is, and how to run its commands."""

    directory: Path
    environment: Mapping[str, str]
    database_password: str

    @classmethod
    def make(cls, directory: Path, *, database_url: str, database_password: str = "") -> "LedgerInstallation":
        """Make an installation: migrated database, keys, no ledger yet."""
        password_file = secret_file(directory / "database-password", database_password)
        environment = {
            **os.environ,
            "CHAINFAAS_DATABASE_URL": database_url,
            "CHAINFAAS_DATABASE_PASSWORD_FILE": str(password_file),
            "CHAINFAAS_KEYS_DIR": str(directory / "keys"),
            "CHAINFAAS_LEDGER_FILE": str(directory / "ledger.sqlite3"),
            "CHAINFAAS_LEDGER_HTTP": f"127.0.0.1:{free_ports(1)[0]}",
        }
        made = cls(directory=directory, environment=environment, database_password=database_password)
        made.manage("migrate", "--verbosity=0")
        made.manage("make_keys")
        return made

    @property
    def ledger_file(self) -> Path:
        return Path(self.environment["CHAINFAAS_LEDGER_FILE"])

    def manage(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a management command to its end, which has to be the given exit status."""
        ended = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert ended.returncode == status, f"{arguments}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended

    def answer(self, *arguments: str) -> dict[str, Any]:
        """Return what `manage.py ledger … --json` says."""
        found: dict[str, Any] = json.loads(self.manage("ledger", *arguments, "--json").stdout)
        return found

    def confirmations(self) -> dict[str, int]:
        """Return how many `job.confirm` the outbox has in each state, asked of the database itself."""
        query = "SELECT state, count(*) FROM outbox_outboxoperation WHERE kind = 'job.confirm' GROUP BY state"
        url = self.environment["CHAINFAAS_DATABASE_URL"]
        if url.startswith("sqlite:"):
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=20)) as lite:
                return dict(lite.execute(query).fetchall())
        with psycopg.connect(url, password=self.database_password) as connection:
            return dict(connection.execute(query).fetchall())

    @contextmanager
    def driver(self) -> Iterator["Driver"]:
        """Start what puts jobs into the outbox when told, and wait at the end until all are there."""
        command = [sys.executable, "-m", "tests.support.outbox.driver"]
        with subprocess.Popen(command, cwd=ROOT, env=self.environment, stdin=subprocess.PIPE, text=True) as process:
            yield Driver(process)
            process.communicate(timeout=_SECONDS)
        assert process.returncode == 0

    @contextmanager
    def ledger_process(self) -> Iterator["LedgerProcess"]:
        """Run recorder and follower, and kill them at the end if they are still there."""
        log = self.directory / "ledger.log"
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "run_ledger"], cwd=ROOT, env=self.environment, stderr=stream
            )
        running = LedgerProcess(process=process, url=f"http://{self.environment['CHAINFAAS_LEDGER_HTTP']}", log=log)
        try:
            yield running
        finally:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Driver:
    """A running `tests.support.outbox.driver`."""

    process: subprocess.Popen[str]

    def jobs(self, count: int) -> None:
        """Let so many jobs run."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()


@dataclass(frozen=True, kw_only=True)
class LedgerProcess:
    """A running `manage.py run_ledger`."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def wait_well(self) -> None:
        """Return when it says that it is well."""
        wait_for("the ledger's process to be well", self.is_well, 60)

    def is_well(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/healthz", timeout=20).status_code == 200
        except httpx.TransportError:
            return False

    def metric(self, name: str) -> float:
        """Return one of its metrics."""
        text = httpx.get(f"{self.url}/metrics", timeout=20).text
        return next(
            float(line.split()[1]) for line in text.splitlines() if line.startswith(f"chainfaas_ledger_{name} ")
        )

    def terminate(self) -> int:
        """Ask it to end, and return its exit status."""
        self.process.terminate()
        return self.process.wait(timeout=60)

    def events(self) -> list[str]:
        """Return the events in its log."""
        return [json.loads(line)["event"] for line in self.log.read_text().splitlines()]
