"""Fabric's own programs: built from pinned sources by Go, once."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import DeployError, Missing

NETWORK_DIRECTORY = Path(__file__).parents[2] / "fabric-network"
#: Each Go module with the programs that it makes.
MODULES: Mapping[str, tuple[str, ...]] = {
    "fabric": ("peer", "orderer", "configtxgen", "configtxlator", "osnadmin", "ledgerutil"),
    "ca": ("fabric-ca-server", "fabric-ca-client"),
}
_NEEDED = {
    "go": "Go 1.24 or newer builds Fabric's programs: https://go.dev/dl (Debian: apt-get install golang)",
    "gcc": "Fabric's CA needs a C compiler for its SQLite (Debian: apt-get install gcc libc6-dev)",
}
_BUILD_SECONDS = 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
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
        for module, programs in MODULES.items():
            sources = NETWORK_DIRECTORY / "tools" / module
            stamp = self.directory / f".{module}.sha256"
            wanted = _digest(sources)
            if _read(stamp) == wanted and all((self.directory / program).exists() for program in programs):
                say(f"{module}: built already ({', '.join(programs)})")
                continue
            for program, reason in _NEEDED.items():
                if shutil.which(program) is None:
                    raise Missing(f"{program} is not installed. {reason}")
            say(f"{module}: building {', '.join(programs)} (a few minutes the first time)")
            self._build(sources)
            stamp.write_text(wanted)

    def _build(self, sources: Path) -> None:
        log = self.directory / f"{sources.name}.log"
        command = ["go", "build", "-buildvcs=false", "-o", f"{self.directory.resolve()}/", "tool"]
        with log.open("wb") as output:
            done = subprocess.run(  # noqa: S603 - go, found on PATH
                command,
                cwd=sources,
                env={**os.environ, "CGO_ENABLED": "1", "GOFLAGS": "-mod=readonly"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_BUILD_SECONDS,
                check=False,
            )
        if done.returncode:
            raise DeployError(f"{sources.name}: go build failed", log=log)


def _digest(sources: Path) -> str:
    return hashlib.sha256(b"".join((sources / name).read_bytes() for name in ("go.mod", "go.sum"))).hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
