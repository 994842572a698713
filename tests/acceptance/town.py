"""A marketplace with people in it, as the journeys use it."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from deploy.demo import money
from deploy.demo.function import PRICE_CEILING
from deploy.demo.people import ADMINISTRATOR, ADMINISTRATORS, DEVELOPER, PROVIDER
from deploy.images.image import Image
from deploy.images.push import push
from deploy.images.python_closure import python_files
from deploy.marketplace.agents import Machine
from deploy.marketplace.calling import Caller, CallOutcome
from deploy.marketplace.fabric import FabricChoice
from deploy.marketplace.running import Marketplace
from deploy.servers.process import Running
from deploy.servers.waiting import wait_for
from wire.money import MICRO_PER_CREDIT

_PAID_SECONDS = 60
_ALIVE_SECONDS = 40
_RUN_PROGRAM = "import os; exec(os.environ['PROGRAM'])"


class Town:
    """Administrator, developer and provider with two machines; everything runs, and everything is real."""

    def __init__(self, market: Marketplace) -> None:
        self.market = market
        self._open = ExitStack()
        self._open.enter_context(market)
        #: By provider id.
        self.agents = dict[str, Running]()
        self.machines = dict[str, Machine]()

    @classmethod
    def start(cls, directory: Path, *, database: str, fabric: FabricChoice | None) -> Self:
        """Start a marketplace and its agents, and give the developer money."""
        town = cls(Marketplace(directory, database=database, fabric=fabric))
        try:
            town._settle()
        except BaseException:
            town._open.close()
            raise
        return town

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_ended: object) -> None:
        self._open.close()

    def _settle(self) -> None:
        market = self.market
        market.start(ADMINISTRATORS, lambda _: None)
        self.administrator, self.developer, self.provider = (
            self._open.enter_context(market.client(person)) for person in (ADMINISTRATOR, DEVELOPER, PROVIDER)
        )
        machines = [market.machine(name) for name in ("first-pc", "second-pc")]
        agents = market.start_agents(machines, self.provider)
        self.machines = {machine.provider_id: machine for machine in machines}
        self.agents = dict(zip(self.machines, agents, strict=True))
        market.administer("top-up", f"top_up {DEVELOPER.name} 1000 --reference acceptance")
        self.all_alive()

    def all_alive(self) -> None:
        """Wait until the scheduler has heard of both machines."""
        wait_for("both agents' heartbeats", lambda: self.market.providers_alive() >= len(self.agents), _ALIVE_SECONDS)

    def push_python(self) -> str:
        """Return the link of an image that runs the Python source in its environment variable PROGRAM."""
        registry = self.market.servers.registry
        image = Image(entrypoint=["/usr/bin/python3", "-I", "-S", "-c", _RUN_PROGRAM], files=python_files())
        return f"{registry.host}/python@{push(image, registry_url=registry.url, repository='python', tag='1')}"

    def caller(self) -> Caller:
        """Return somebody who calls functions."""
        return Caller(self.market.functions_url, ca_file=self.market.servers.tls.ca_file)

    def call(self, function: str, body: bytes) -> CallOutcome:
        """Call one of the developer's functions."""
        with self.caller() as caller:
            return caller.call(DEVELOPER.name, function, body)

    def call_all(self, function: str, bodies: list[bytes], *, callers: int) -> list[CallOutcome]:
        """Call a function once with each body, by so many callers at a time; answers come in the bodies' order."""
        with ExitStack() as closing, ThreadPoolExecutor(callers) as pool:
            people = [closing.enter_context(self.caller()) for _ in range(callers)]
            shares = [range(first, len(bodies), callers) for first in range(callers)]

            def work(person: Caller, share: range) -> list[tuple[int, CallOutcome]]:
                return [(number, person.call(DEVELOPER.name, function, bodies[number])) for number in share]

            done = [answer for part in pool.map(work, people, shares) for answer in part]
        return [answer for _, answer in sorted(done, key=lambda pair: pair[0])]

    def balances(self) -> money.Balances:
        """Return everybody's money."""
        clients = {DEVELOPER.name: self.developer, PROVIDER.name: self.provider}
        accounts = {name: client.get("account")["id"] for name, client in clients.items()}
        return money.balances(self.administrator, accounts)

    def invocation(self, invocation_id: str) -> dict[str, Any]:
        """Return an invocation with its jobs."""
        found: dict[str, Any] = self.developer.get(f"invocations/{invocation_id}")
        return found

    def record(self, job_id: str) -> Mapping[str, Any]:
        """Return what the ledger says of a job."""
        found: dict[str, Any] = self.developer.get(f"ledger/jobs/{job_id}")["record"]
        return found

    def settled(self, job_id: str) -> Mapping[str, Any]:
        """Return what the ledger says of a job, once it is settled."""

        def looked_at() -> dict[str, Any] | None:
            found: dict[str, Any] = self.developer.get(f"ledger/jobs/{job_id}")["record"]
            return found if found["state"] == "settled" else None

        return wait_for(f"the settlement of job {job_id}", looked_at, _PAID_SECONDS)

    def kill_agent(self, provider_id: str) -> None:
        """End an agent as a power cut would; what its containers do is Docker's business."""
        agent = self.agents[provider_id]
        agent.kill()
        self.market.supervisor.started.remove(agent)

    def restart_agent(self, provider_id: str) -> None:
        """Start a killed agent again."""
        (agent,) = self.market.start_agents([self.machines[provider_id]], self.provider)
        self.agents[provider_id] = agent
        self.all_alive()

    @contextmanager
    def without_recorder(self) -> Iterator[None]:
        """Stop recorder and follower for a while: they would find what is wrong as well, and end."""
        supervisor = self.market.supervisor
        supervisor.stop("ledger")
        yield
        supervisor.start(*self.market.controller.programs())

    def publish_program(self, name: str, program: str, *, timeout_ms: int = 30_000) -> None:
        """Publish a function that runs Python source."""
        version = {
            "image_link": self.push_python(),
            "environment": {"PROGRAM": program},
            "limits": {"memory_mb": 64, "timeout_ms": timeout_ms},
            "price_ceiling_nano_per_ms": PRICE_CEILING,
            "budget_micro_per_day": 1000 * MICRO_PER_CREDIT,
            "access": "public",
            "rate_per_minute": 60_000,
        }
        self.developer.post("functions", {"name": name, "version": version})
        self.developer.post(f"functions/{name}/publish", {"version": 1})
