"""The servers under a marketplace."""

import os
from dataclasses import dataclass
from typing import Self

from deploy.marketplace.layout import Layout
from deploy.servers.docker_engine import DockerServer, engine_answers
from deploy.servers.postgresql import PostgreSQL
from deploy.servers.process import Program
from deploy.servers.rabbitmq import RabbitServer
from deploy.servers.registry import RegistryServer
from deploy.servers.tls import ServerTls, server_tls

BROKER_USER = "controller"
BROKER_VHOST = "chainfaas"
_SYSTEM_ENGINE = "unix:///var/run/docker.sock"


@dataclass(frozen=True, kw_only=True, slots=True)
class Servers:
    """Broker, registry, Docker Engine and, if wanted, PostgreSQL."""

    tls: ServerTls
    broker: RabbitServer
    registry: RegistryServer
    #: None: one that runs already is used.
    engine: DockerServer | None
    #: None: the database is SQLite.
    postgresql: PostgreSQL | None
    docker_url: str

    @classmethod
    def of(cls, layout: Layout, *, database: str) -> Self:
        """Return the servers that belong to a layout; nothing is started."""
        ports = layout.ports
        tls = server_tls(layout.directory / "tls")
        broker = RabbitServer(
            directory=layout.directory / "rabbitmq",
            port=ports.broker,
            admin_port=ports.broker_admin,
            epmd_port=ports.epmd,
            dist_port=ports.erlang,
            user=BROKER_USER,
            password=layout.secret("broker").read_text(),
            vhost=BROKER_VHOST,
            tls_port=ports.broker_tls,
            ca_file=tls.ca_file,
            certificate_file=tls.certificate_file,
            key_file=tls.key_file,
        )
        postgresql = PostgreSQL(
            directory=layout.directory / "postgresql",
            port=ports.postgresql,
            user="chainfaas",
            password=layout.secret("postgresql").read_text(),
        )
        running = _running_engine()
        engine = DockerServer(directory=layout.directory / "docker")
        return cls(
            tls=tls,
            broker=broker,
            registry=RegistryServer(directory=layout.directory / "registry", port=ports.registry),
            engine=None if running else engine,
            postgresql=postgresql if database == "postgresql" else None,
            docker_url=running or engine.url,
        )

    def programs(self) -> list[Program]:
        """Return what has to be started, the slowest first.

        :raises Missing: when one is not installed.
        """
        wanted = [self.broker, self.engine, self.postgresql, self.registry]
        return [server.program() for server in wanted if server is not None]


def _running_engine() -> str | None:
    """Return a Docker Engine that is there: the one that DOCKER_HOST names or, unless we are root, the system's."""
    if named := os.environ.get("DOCKER_HOST"):
        return named
    if os.geteuid() != 0 and engine_answers(_SYSTEM_ENGINE):
        return _SYSTEM_ENGINE
    return None
