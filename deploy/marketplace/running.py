"""A running marketplace: what is started in which order, and how it is stopped."""

import json
import re
import shlex
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import httpx

from deploy.errors import DeployError, NotReady
from deploy.files import alone
from deploy.marketplace.agents import Machine
from deploy.marketplace.controller import Controller
from deploy.marketplace.fabric import FabricChoice, FabricNetwork
from deploy.marketplace.layout import Layout
from deploy.marketplace.people import People, Person
from deploy.marketplace.servers import Servers
from deploy.marketplace.settings import DATABASE, controller_settings
from deploy.servers.marks import stop_leftovers
from deploy.servers.process import Running
from deploy.servers.supervisor import Supervisor
from portal.providers.broker_admin import RabbitAdmin
from wire.http.portal import PortalClient

_ALIVE = re.compile(r"^chainfaas_scheduler_providers ([0-9.]+)$", re.MULTILINE)
Progress = Callable[[str], None]


class Marketplace:
    """Servers, controller and agents under one directory; a context manager that stops what it started."""

    def __init__(
        self,
        directory: Path,
        *,
        database: str = "sqlite",
        port_base: int | None = None,
        fabric: FabricChoice | None = None,
    ) -> None:
        """Take the directory; nothing is started. `fabric` chooses that for the ledger."""
        self.layout = Layout(directory)
        self._held = ExitStack()
        with ExitStack() as undone:
            self._lock(undone)
            #: How many processes a killed run had left behind.
            self.left_over = sum(map(stop_leftovers, (self.layout.directory, self.layout.fabric)))
            self.layout.keep("database", database)
            self.layout.keep("ledger", "fabric" if fabric else "embedded")
            if fabric:
                self.layout.keep("topology", fabric.topology)
            self.layout.choose_ports(port_base)
            self.servers = Servers.of(self.layout, database=database)
            self._held = undone.pop_all()
        #: None: the ledger is the embedded one.
        self.fabric = FabricNetwork(self.layout, fabric) if fabric else None
        settings = controller_settings(self.layout, self.servers) | (self.fabric.settings if self.fabric else {})
        self.controller = Controller(layout=self.layout, settings=settings, tls=self.servers.tls)
        self.supervisor = Supervisor(self.layout.directory, self.layout.fabric)
        self.people = People(self.layout, ca_file=self.servers.tls.ca_file)
        self.portal_url = self.layout.ports.portal_url
        self.functions_url = self.layout.ports.functions_url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_ended: object) -> None:
        self.supervisor.stop_all()
        if self.fabric:
            self.fabric.operator.down()
        self._held.close()

    def start(self, administrators: Sequence[Person], progress: Progress) -> None:
        """Start servers and controller; return when all of them answer.

        :raises DeployError: when one does not.
        """
        if self.fabric:
            self.fabric.build(progress)
        servers = [self.supervisor.launch(program) for program in self.servers.programs()]
        progress(f"starting {', '.join(item.program.name for item in servers)}")
        if self.servers.postgresql is not None:
            next(item for item in servers if item.program.name == "postgresql").wait_ready()
            self.servers.postgresql.create_database(DATABASE)
        self.administer("prepare", "make_keys", "migrate --no-input", *map(self._make_administrator, administrators))
        progress("the controller has its keys, database and administrators")
        if self.fabric:
            self.fabric.start(self.layout.keys / "genesis.json", progress)
        _wait_ready(servers, progress)
        broker = self.servers.broker
        RabbitAdmin(broker.admin_url, vhost=broker.vhost, user=broker.user, password=broker.password).set_up()
        started = [self.supervisor.launch(program) for program in self.controller.programs()]
        progress(f"starting {', '.join(item.program.name for item in started)}")
        _wait_ready(started, progress)

    def administer(self, name: str, *lines: str) -> str:
        """Run management commands in one process, and return what they wrote; the log is called `name`.

        :raises DeployError: when one fails.
        """
        return self.supervisor.run(self.controller.commands(name, *lines))

    def audit(self) -> dict[str, Any]:
        """Prove the ledger from its first block and compare it with the database; return what both commands say.

        :raises DeployError: when something is not as it should be.
        """
        written = self.administer("audit", "ledger verify --json", "ledger reconcile --json")
        verified, reconciled = (json.loads(line) for line in written.splitlines() if line.startswith("{"))
        return {"verified": verified, "reconciled": reconciled}

    def providers_alive(self) -> int:
        """Return how many providers the scheduler has heard of lately; none while it does not answer."""
        try:
            page = httpx.get(f"http://127.0.0.1:{self.layout.ports.scheduler}/metrics", trust_env=False).text
        except httpx.TransportError:
            return 0
        found = _ALIVE.search(page)
        return int(float(found[1])) if found else 0

    def client(self, person: Person) -> PortalClient:
        """Return a person's access to the REST API."""
        return self.people.client(person)

    def machine(self, name: str, *, slots: int | None = None) -> Machine:
        """Return a provider's machine; whether it is enrolled or running is its own business."""
        return Machine(
            name=name,
            home=self.layout.directory / "agents" / name,
            ca_file=self.servers.tls.ca_file,
            docker_url=self.servers.docker_url,
            slots=slots,
        )

    def start_agents(self, machines: list[Machine], owner: PortalClient) -> list[Running]:
        """Enrol the machines that are not, with one-time codes of their owner, and start their agents."""
        enrolments = [
            self.supervisor.launch(
                machine.enrolment(
                    portal_url=self.portal_url, code=owner.post("enrolment-codes", {"name": machine.name})["text"]
                )
            )
            for machine in machines
            if not machine.is_enrolled
        ]
        for item in enrolments:
            self.supervisor.finish(item)
        agents = [self.supervisor.launch(machine.agent()) for machine in machines]
        return [agent.wait_ready() for agent in agents]

    def _lock(self, held: ExitStack) -> None:
        """Keep the directory for this process alone; the kernel lets go of it however the process ends."""
        try:
            held.enter_context(alone(self.layout.directory, 0))
        except NotReady as error:
            raise DeployError(
                f"a marketplace runs in {self.layout.directory}: stop it, or take another with --data DIR"
            ) from error

    def _make_administrator(self, person: Person) -> str:
        password = person.password_file(self.layout)
        words = ["make_administrator", person.name, person.email, f"--password-file={password}"]
        return shlex.join([*words, f"--organisation={person.organisation}"])


def _wait_ready(started: list[Running], progress: Progress) -> None:
    for item in started:
        item.wait_ready()
        progress(f"{item.program.name} answers")
