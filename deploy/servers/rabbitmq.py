"""A private RabbitMQ broker with its management API."""

import socket
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import Missing
from deploy.files import secret_file
from deploy.servers.process import SERVERS, Program

#: The script under sbin refuses every user but root and rabbitmq; this one does not.
_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
#: No protocol has this version: the broker answers any header with its own.
_HELLO = b"AMQP\x00\x00\x09\x01"


@dataclass(frozen=True, kw_only=True, slots=True)
class RabbitServer:
    """Where the broker keeps its files and listens, and its first user."""

    directory: Path
    port: int
    admin_port: int
    #: Erlang's own two ports; loopback only.
    epmd_port: int
    dist_port: int
    user: str
    password: str
    vhost: str
    #: Also listens there with TLS.
    tls_port: int | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    @property
    def admin_url(self) -> str:
        """The management API."""
        return f"http://127.0.0.1:{self.admin_port}"

    def answers(self) -> bool:
        """Return whether the broker speaks AMQP."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(_HELLO)
                return bool(connection.recv(1))
        except OSError:
            return False

    def program(self) -> Program:
        """Return the broker as a program; its configuration is written.

        :raises Missing: when it is not installed.
        """
        if not _SERVER.exists():
            raise Missing("RabbitMQ is not installed: apt-get install rabbitmq-server")
        self._configure()
        return Program(
            name="rabbitmq",
            command=[_SERVER],
            # Erlang writes crash dumps to where it runs.
            directory=self.directory,
            environment=self._environment(),
            ready=self.answers,
            # Its queues are closed within two; Erlang would take five more to end.
            stop_seconds=3,
            rank=SERVERS,
        )

    def _configure(self) -> None:
        for name in ("home", "mnesia", "log"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "env.conf").write_text("")
        (self.directory / "enabled_plugins").write_text("[rabbitmq_management].\n")
        secret_file(self.directory / "rabbitmq.conf", "\n".join(self._lines()) + "\n")

    def _lines(self) -> list[str]:
        lines = [
            f"listeners.tcp.1 = 127.0.0.1:{self.port}",
            "management.tcp.ip = 127.0.0.1",
            f"management.tcp.port = {self.admin_port}",
            f"default_vhost = {self.vhost}",
            f"default_user = {self.user}",
            f"default_pass = {self.password}",
            "default_user_tags.administrator = true",
            "vm_memory_high_watermark.absolute = 1GB",
            "disk_free_limit.absolute = 200MB",
            # A job may run 15 minutes; tickets are acknowledged long before.
            "consumer_timeout = 1800000",
        ]
        if self.tls_port is not None:
            lines += [
                f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}",
                f"ssl_options.cacertfile = {self.ca_file}",
                f"ssl_options.certfile = {self.certificate_file}",
                f"ssl_options.keyfile = {self.key_file}",
                "ssl_options.versions.1 = tlsv1.3",
                "ssl_options.versions.2 = tlsv1.2",
            ]
        return lines

    def _environment(self) -> dict[str, str]:
        home = self.directory
        return {
            "HOME": str(home / "home"),
            "RABBITMQ_NODENAME": "chainfaas@localhost",
            "RABBITMQ_CONF_ENV_FILE": str(home / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # Loopback only, and no spinning while idle: the machine has other work.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}"
            " +sbwt none +sbwtdcpu none +sbwtdio none",
        }
