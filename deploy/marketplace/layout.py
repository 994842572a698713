"""Where a marketplace keeps everything: one directory, with its ports and secrets, the same at the next start."""

import json
import secrets
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

from deploy.errors import DeployError
from deploy.files import secret_file
from deploy.servers.ports import free_ports, is_free

#: What the portal and the functions get when nobody else has it.
_WISHED = {"portal": 8443, "functions": 8444}
#: Enrolled agents know the one, image links of published functions the other.
_PINNED = frozenset({"broker_tls", "registry"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Who listens where, all on 127.0.0.1."""

    portal: int
    functions: int
    broker: int
    broker_tls: int
    broker_admin: int
    epmd: int
    erlang: int
    registry: int
    postgresql: int
    scheduler: int
    ledger: int
    signer: int

    @property
    def portal_url(self) -> str:
        """Where people reach the portal."""
        return f"https://localhost:{self.portal}"

    @property
    def functions_url(self) -> str:
        """Where functions answer: another host name than the portal's, since cookies ignore ports."""
        return f"https://127.0.0.1:{self.functions}"


_NAMES = [field.name for field in fields(Ports)]


class Layout:
    """The directory of one marketplace."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory.resolve()
        self.credentials = self.directory / "credentials.json"
        self.ledger_file = self.directory / "controller" / "ledger.sqlite3"
        self.sqlite_file = self.directory / "controller" / "portal.sqlite3"
        self.keys = self.directory / "controller" / "keys"
        self.fabric = self.directory / "fabric"
        self._ports_file = self.directory / "ports.json"
        self._secrets = self.directory / "secrets"
        for private in (self._secrets, self.keys.parent, self.keys):
            private.mkdir(mode=0o700, exist_ok=True)

    def secret(self, name: str) -> Path:
        """Return the file with a random secret, made once."""
        path = self._secrets / name
        return path if path.exists() else secret_file(path, secrets.token_hex(32))

    @cached_property
    def ports(self) -> Ports:
        """The ports of this marketplace; one that another program has taken meanwhile is replaced.

        :raises DeployError: when it is one that must stay.
        """
        if not self._ports_file.exists():
            self.choose_ports(None)
        chosen: dict[str, int] = json.loads(self._ports_file.read_text())
        taken = [name for name in _NAMES if name not in chosen or not is_free(chosen[name])]
        for name in _PINNED.intersection(taken):
            raise DeployError(
                f"port {chosen[name]} ({name}) is taken by another program: free it, or begin afresh with --data DIR"
            )
        if taken:
            chosen |= dict(zip(taken, free_ports(len(taken)), strict=True))
            self._write_ports(chosen)
        return Ports(**chosen)

    def keep(self, what: str, kind: str) -> None:
        """Remember which database or ledger this marketplace began with.

        :raises DeployError: when it began with another one: its history would be missing there.
        """
        kept = self.directory / what
        if not kept.exists():
            kept.write_text(f"{kind}\n")
        elif (began := kept.read_text().strip()) != kind:
            raise DeployError(f"{self.directory} began with --{what} {began}: use that, or another --data DIR")

    def choose_ports(self, base: int | None) -> None:
        """Choose ports once: counted up from `base`, or free ones."""
        if self._ports_file.exists():
            return
        if base is None:
            chosen = dict(zip(_NAMES, free_ports(len(_NAMES)), strict=True))
            chosen |= {name: port for name, port in _WISHED.items() if is_free(port)}
        else:
            chosen = {name: base + position for position, name in enumerate(_NAMES)}
        self._write_ports(chosen)

    def _write_ports(self, chosen: dict[str, int]) -> None:
        self._ports_file.write_text(json.dumps(chosen, indent=2) + "\n")
