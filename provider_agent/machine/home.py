"""The agent's home directory: private files, written whole or not at all."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from provider_agent.errors import AgentError

DEFAULT_HOME = Path("~/.chainfaas-agent")
_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600


class NotPrivate(AgentError):
    """Other users of this machine could read or change the agent's files."""


class HomeInUse(AgentError):
    """Another agent runs with this home directory."""


class AgentHome:
    """The directory (mode 0700) with everything that makes this machine a provider; its files have mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.signing_key = self.path / "signing-key.pem"
        self.sealing_key = self.path / "sealing-key.pem"
        self.config = self.path / "config.json"
        self.broker_password = self.path / "broker-password"
        self.authority = self.path / "ca.pem"
        #: Present when this machine is a member of a Fabric network.
        self.fabric = self.path / "fabric.json"
        self.journal = self.path / "journal.sqlite3"
        #: Where a running agent's local address is written.
        self.running = self.path / "running.json"
        self._lock = self.path / "lock"

    @property
    def own_authority(self) -> Path | None:
        """The private authority that was named at enrolment; None when this machine's own list is trusted."""
        return self.authority if self.authority.exists() else None

    def create(self) -> None:
        """Make the directory when it is absent.

        :raises NotPrivate: when it is there and others can enter it.
        """
        self.path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        self.check()

    def check(self) -> None:
        """Check that nobody else can read or change what is here.

        :raises NotPrivate: when somebody can; the message names the path and the cure.
        """
        for path in (self.path, *sorted(self.path.iterdir())):
            found = path.lstat()
            if found.st_uid != os.getuid():
                raise NotPrivate(f"{path} belongs to another user: use a home directory of your own")
            if stat.S_IMODE(found.st_mode) & 0o077:
                raise NotPrivate(f"{path} is open to other users: chmod go= {path}")

    def write(self, path: Path, content: bytes) -> None:
        """Write a private file so that it is there whole or not at all, even after a power cut."""
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        with suppress(FileNotFoundError):
            partial.unlink()
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        self._sync_directory()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the home for this process alone.

        :raises HomeInUse: when another process holds it.
        """
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, _FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise HomeInUse(f"another agent runs with {self.path}: stop it, or use another --home") from error
        try:
            yield
        finally:
            os.close(descriptor)

    def _sync_directory(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
