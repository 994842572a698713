"""A running marketplace: what is started in which order, and how it is stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import Self

from deploy.marketplace.agents import Machine
from deploy.marketplace.controller import Controller
from deploy.marketplace.layout import Layout
from deploy.marketplace.people import Person
from deploy.marketplace.servers import Servers
from deploy.marketplace.settings import DATABASE, controller_settings
from deploy.servers.process import Running, Supervisor, stop_leftovers

Progress = Callable[[str], None]


class Marketplace:
    """Servers, controller and agents under one directory; a context manager that stops what it started."""

    def __init__(self, directory: Path, *, database: str = "sqlite", port_base: int | None = None) -> None:
        self.layout = Layout(directory)
        self.left_over = stop_leftovers(self.layout.directory)
        self.layout.choose_ports(port_base)
        self.servers = Servers.of(self.layout, database=database)
        settings = controller_settings(
            self.layout,
            broker=self.servers.broker,
            registry=self.servers.registry,
            postgresql=self.servers.postgresql,
        )
        self.controller = Controller(layout=self.layout, settings=settings, tls=self.servers.tls)
        self.supervisor = Supervisor(self.layout.directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_ended: object) -> None:
        self.supervisor.stop_all()

    def start(self, administrator: Person, progress: Progress) -> None:
        """Start servers and controller; return when all of them answer.

        :raises DeployError: when one does not.
        """
        servers = [self.supervisor.launch(program) for program in self.servers.programs()]
        progress(f"starting {', '.join(item.program.name for item in servers)}")
        if self.servers.postgresql is not None:
            self._ready(servers, "postgresql", progress)
            self.servers.postgresql.create_database(DATABASE)
        progress("preparing the controller: keys, database, administrator, queues")
        password = administrator.password_file(self.layout)
        prepare = self.controller.prepare(
            administrator=administrator.name, email=administrator.email, password_file=password
        )
        self.supervisor.run(prepare)
        for item in servers:
            self._ready([item], item.program.name, progress)
        controller = [self.controller.ledger(), self.controller.scheduler(), self.controller.portal()]
        started = [self.supervisor.launch(program) for program in controller]
        progress(f"starting {', '.join(item.program.name for item in started)}")
        for item in started:
            self._ready([item], item.program.name, progress)

    def machine(self, name: str) -> Machine:
        """Return a provider's machine; whether it is enrolled or running is its own business."""
        return Machine(
            name=name,
            home=self.layout.agent_home(name),
            ca_file=self.servers.tls.ca_file,
            docker_url=self.servers.docker_url,
        )

    @staticmethod
    def _ready(running: list[Running], name: str, progress: Progress) -> None:
        next(item for item in running if item.program.name == name).wait_ready()
        progress(f"{name} answers")
