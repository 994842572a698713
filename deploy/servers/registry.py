"""A private image registry."""

from dataclasses import dataclass
from pathlib import Path

from deploy.servers.ports import is_well
from deploy.servers.process import SERVERS, Program
from deploy.servers.programs import program

_CONFIGURATION = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryServer:
    """Where the registry keeps its images and answers; plain HTTP, loopback only."""

    directory: Path
    port: int

    @property
    def host(self) -> str:
        """What an image's name begins with."""
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        """Where its API answers; also how the administrator's list names a registry without TLS."""
        return f"http://{self.host}"

    def answers(self) -> bool:
        """Return whether the registry answers."""
        return is_well(f"{self.url}/v2/")

    def program(self) -> Program:
        """Return the registry as a program; its configuration is written.

        :raises Missing: when it is not installed.
        """
        server = program("docker-registry", package="docker-registry")
        self.directory.mkdir(parents=True, exist_ok=True)
        configuration = self.directory / "config.yml"
        configuration.write_text(_CONFIGURATION.format(root=self.directory / "images", port=self.port))
        return Program(name="registry", command=[server, "serve", configuration], ready=self.answers, rank=SERVERS)
