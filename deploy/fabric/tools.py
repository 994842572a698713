"""Fabric's own programs: built from pinned sources by Go, once."""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import DeployError, Missing, NotReady
from deploy.files import alone
from deploy.paths import FABRIC, VAR

#: Each Go module with the programs that it makes.
MODULES: Mapping[str, tuple[str, ...]] = {
    "fabric": ("peer", "orderer", "configtxgen", "configtxlator", "osnadmin", "ledgerutil"),
    "ca": ("fabric-ca-server", "fabric-ca-client"),
}
#: Where `deploy/install fabric` puts a Go when the system's is too old.
_OWN_GO = VAR / "go" / "bin"
_NEEDED = {
    "go": "Go 1.24 or newer builds Fabric's programs: `deploy/install fabric` as root on Debian, or https://go.dev/dl",
    "gcc": "Fabric's CA needs a C compiler for its SQLite (Debian: apt-get install gcc libc6-dev)",
}
#: For peers and orderers: a tenth less processor time under load, for half as much memory again.
GARBAGE_COLLECTION = {"GOGC": "200"}
_BUILD_SECONDS = 3600
_TELL_SECONDS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class FabricTools:
    """The directory of the built programs."""

    directory: Path

    def path(self, program: str) -> Path:
        """Return where a program lies.

        :raises Missing: when it was not built.
        """
        path = self.directory / program
        if not path.exists():
            raise Missing(f"{path} is not there: run `fabric-network/network build` first")
        return path

    def build(self, say: Callable[[str], None]) -> None:
        """Build what is not built, or was built from other sources.

        :raises Missing: when Go or gcc is not installed.
        :raises DeployError: when the build fails.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with alone(self.directory, _BUILD_SECONDS):
            for module, programs in MODULES.items():
                self._build_module(module, programs, say)

    def _build_module(self, module: str, programs: Sequence[str], say: Callable[[str], None]) -> None:
        sources = FABRIC / "tools" / module
        stamp = self.directory / f".{module}.sha256"
        wanted = _digest(sources)
        if _read(stamp) == wanted and all((self.directory / program).exists() for program in programs):
            say(f"{module}: built already ({', '.join(programs)})")
            return
        path = os.pathsep.join([str(_OWN_GO), os.environ.get("PATH", "")])
        for program, reason in _NEEDED.items():
            if shutil.which(program, path=path) is None:
                raise Missing(f"{program} is not installed. {reason}")
        say(f"{module}: building {', '.join(programs)} (a few minutes the first time)")
        self._build(sources, path, say)
        stamp.write_text(wanted)

    def _build(self, sources: Path, path: str, say: Callable[[str], None]) -> None:
        log = self.directory / f"{sources.name}.log"
        # An older Go may fetch the one that go.mod asks for, unless somebody has decided otherwise.
        environment = {
            "GOTOOLCHAIN": "auto",
            **os.environ,
            "CGO_ENABLED": "1",
            "GOFLAGS": "-mod=readonly",
            "PATH": path,
        }
        command = ["go", "build", "-v", "-buildvcs=false", "-o", f"{self.directory.resolve()}/", "tool"]
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - go, found on the path
                command,
                cwd=sources,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                status = _watched(process, lambda: say(f"{sources.name}: {_progress(log)}"))
            finally:
                process.kill()
        if status:
            raise DeployError(f"{sources.name}: go build failed", log=log)


def _watched(process: "subprocess.Popen[bytes]", tell: Callable[[], None]) -> int:
    """Return how a process ended; `tell` is called now and then until it does."""
    end = time.monotonic() + _BUILD_SECONDS
    while time.monotonic() < end:
        try:
            return process.wait(_TELL_SECONDS)
        except subprocess.TimeoutExpired:
            tell()
    raise NotReady(f"go build took longer than {_BUILD_SECONDS} s")


def _progress(log: Path) -> str:
    """Return how far a build is, from the lines that Go writes."""
    lines = _read(log).splitlines()
    fetched = sum(line.startswith("go: downloading") for line in lines)
    return f"{fetched} modules fetched, {len(lines) - fetched} packages compiled"


def _digest(sources: Path) -> str:
    return hashlib.sha256(b"".join((sources / name).read_bytes() for name in ("go.mod", "go.sum"))).hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
