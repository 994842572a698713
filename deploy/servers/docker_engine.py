"""A private Docker Engine: no bridge, no firewall rules, nothing of the machine's own engine touched."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import httpx

from deploy.errors import DeployError, Missing
from deploy.files import secret_file
from deploy.servers.process import SERVERS, Program
from deploy.servers.programs import program

#: A UNIX socket's path must be shorter, or the kernel refuses it.
_SOCKET_PATH_MAX = 107
#: The longest of the engine's own sockets below its exec root.
_LONGEST_SOCKET = "exec/containerd/containerd.sock.ttrpc"


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerServer:
    """Where the engine keeps its images and answers."""

    directory: Path

    @property
    def socket(self) -> Path:
        """The socket of its API."""
        return self.directory / "docker.sock"

    @property
    def url(self) -> str:
        """What clients take as DOCKER_HOST."""
        return f"unix://{self.socket}"

    def answers(self) -> bool:
        """Return whether the engine answers."""
        return engine_answers(self.url)

    def program(self) -> Program:
        """Return the engine as a program.

        :raises Missing: when it is not installed, or we are not root.
        """
        dockerd = program("dockerd", package="docker.io")
        if os.geteuid() != 0:
            raise Missing("a Docker Engine of our own needs root: run as root, or set DOCKER_HOST to a running one")
        if len(str(self.directory / _LONGEST_SOCKET)) >= _SOCKET_PATH_MAX:
            raise DeployError(f"{self.directory} is too long a path for the Docker Engine's sockets: choose a shorter")
        self.directory.mkdir(parents=True, exist_ok=True)
        secret_file(self.directory / "daemon.json", "{}")
        # A killed engine leaves these behind; a reused process id would stop the next one from starting.
        for left in ("pid", "exec/containerd/containerd.pid"):
            (self.directory / left).unlink(missing_ok=True)
        return Program(
            name="docker", command=[dockerd, *self._options()], ready=self.answers, stop_seconds=20, rank=SERVERS
        )

    def _options(self) -> list[str]:
        return [
            f"--config-file={self.directory / 'daemon.json'}",
            f"--data-root={self.directory / 'data'}",
            f"--exec-root={self.directory / 'exec'}",
            f"--pidfile={self.directory / 'pid'}",
            f"--host={self.url}",
            "--group=root",
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
            "--ip-masq=false",
            "--userland-proxy=false",
            "--log-level=warn",
        ]


def engine_answers(url: str) -> bool:
    """Return whether a Docker Engine answers at a `unix://` address."""
    path = url.removeprefix("unix://")
    # Looked at first: httpx forgets to close the socket of a failed connection.
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(path):
            return False
    with httpx.Client(transport=httpx.HTTPTransport(uds=path), timeout=2) as client:
        try:
            return client.get("http://docker/_ping").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False
