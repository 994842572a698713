"""Real servers as fixtures: each started once a session, when the first test asks for it, on ports of its own.

A server that is not installed skips the test at a desk, with the reason, and fails it where CI is set.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol
from urllib.parse import quote

import httpx
import pytest
from psycopg import sql

from deploy.errors import Missing
from deploy.servers.docker_engine import DockerServer
from deploy.servers.ports import free_ports
from deploy.servers.postgresql import PostgreSQL
from deploy.servers.process import Program
from deploy.servers.rabbitmq import RabbitServer
from deploy.servers.registry import RegistryServer
from deploy.servers.supervisor import Supervisor
from scheduler.transport.rabbitmq import BrokerLogin
from tests.support import environment

_ADMIN_SECONDS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """A virtual host of one test's own on the session's broker, with its administrator."""

    host: str
    port: int
    admin_url: str
    user: str
    password: str
    vhost: str

    def url(self) -> str:
        """Where agents reach it."""
        return f"amqp://{self.host}:{self.port}"

    @property
    def login(self) -> BrokerLogin:
        """The controller's login."""
        return BrokerLogin(host=self.host, port=self.port, vhost=self.vhost, user=self.user, password=self.password)

    def admin(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask the management API; `path` without `/api/`."""
        answer = httpx.request(
            method,
            f"{self.admin_url}/api/{path}",
            json=body,
            auth=(self.user, self.password),
            timeout=_ADMIN_SECONDS,
        )
        answer.raise_for_status()
        return answer

    def close_connections(self, chosen: Callable[[dict[str, Any]], bool]) -> bool:
        """Close connections as an administrator can; False when the broker's list, which lags behind, has none yet."""
        listed = self.admin("GET", f"vhosts/{self.vhost}/connections").json()
        names = [item["name"] for item in listed if chosen(item)]
        try:
            for name in names:
                self.admin("DELETE", f"connections/{quote(name, safe='')}")
        except httpx.HTTPStatusError:
            # Listed, but not yet, or no more, to be found by its name.
            return False
        return bool(names)


def untested(reason: str) -> NoReturn:
    """Skip the test at a desk, saying so, and fail it where CI is set: something real is missing."""
    if os.environ.get("CI"):
        pytest.fail(f"NOT TESTED, {reason}", pytrace=False)
    pytest.skip(f"NOT TESTED, {reason}")


class Server(Protocol):
    """What the servers in deploy/servers have in common."""

    def program(self) -> Program:
        """Return it as a program."""


def start_or_skip(supervisor: Supervisor, server: Server) -> None:
    """Start a server; where it is missing, skip the test at a desk and fail it in CI."""
    try:
        program = server.program()
    except Missing as error:
        untested(f"a real server is missing: {error}")
    supervisor.start(program)


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    """A directory with a short path that servers under other users can enter."""
    directory = Path(tempfile.mkdtemp(prefix="chainfaas-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def supervisor(server_directory: Path) -> Iterator[Supervisor]:
    """Starts this session's servers and stops them at its end."""
    with Supervisor(server_directory) as running:
        yield running


@pytest.fixture(scope="session")
def rabbit_server(supervisor: Supervisor) -> RabbitServer:
    """RabbitMQ, one for the session; a test takes `broker`."""
    port, admin_port, epmd_port, dist_port = free_ports(4)
    server = RabbitServer(
        directory=supervisor.directory / "rabbitmq",
        port=port,
        admin_port=admin_port,
        epmd_port=epmd_port,
        dist_port=dist_port,
        user="controller",
        password=secrets.token_hex(16),
        vhost="unused",
    )
    start_or_skip(supervisor, server)
    return server


@pytest.fixture
def broker(rabbit_server: RabbitServer) -> Iterator[Broker]:
    """A fresh virtual host; its users and queues go with it."""
    access = Broker(
        host="127.0.0.1",
        port=rabbit_server.port,
        admin_url=rabbit_server.admin_url,
        user=rabbit_server.user,
        password=rabbit_server.password,
        vhost=f"test-{secrets.token_hex(6)}",
    )
    access.admin("PUT", f"vhosts/{access.vhost}", {})
    access.admin("PUT", f"permissions/{access.vhost}/{access.user}", {"configure": ".*", "write": ".*", "read": ".*"})
    yield access
    access.admin("DELETE", f"vhosts/{access.vhost}")


@pytest.fixture(scope="session")
def docker_engine(supervisor: Supervisor) -> DockerServer:
    """A Docker Engine of the session's own; `url` is its DOCKER_HOST."""
    server = DockerServer(directory=supervisor.directory / "docker")
    start_or_skip(supervisor, server)
    return server


@pytest.fixture(scope="session")
def registry(supervisor: Supervisor) -> RegistryServer:
    """An image registry; `host` begins its images' names, `url` goes into CHAINFAAS_REGISTRIES."""
    server = RegistryServer(directory=supervisor.directory / "registry", port=free_ports(1)[0])
    start_or_skip(supervisor, server)
    return server


@pytest.fixture(scope="session")
def postgresql_server(supervisor: Supervisor) -> PostgreSQL:
    """PostgreSQL, one for the session; a test takes `postgresql_url`."""
    server = PostgreSQL(
        directory=supervisor.directory / "postgresql",
        port=environment.postgresql_port(),
        user=environment.POSTGRESQL_USER,
        password=environment.postgresql_password(),
    )
    start_or_skip(supervisor, server)
    return server


@pytest.fixture
def postgresql_url(postgresql_server: PostgreSQL) -> Iterator[str]:
    """An empty database; its password is in `postgresql_server.password`."""
    name = f"test_{secrets.token_hex(6)}"
    yield postgresql_server.create_database(name)
    with postgresql_server.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
