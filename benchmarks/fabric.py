"""Measures the ledger on a Fabric network of its own: `benchmarks/run fabric [--small] [--json]`.

Whole jobs (create, receipt, confirm; settled by the contracts, each receipt's signature checked by both organisations)
from rows of the outbox to the read model, by recorder and follower as they run in production, against one transaction
an operation in the same run.
"""

import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from benchmarks.document import conditions, report, reporting, say, today
from benchmarks.processes import memory_mib, processor_ms
from benchmarks.summary import Machine, machine
from deploy.commands import SETTINGS, OperatorCommand
from deploy.fabric import topology
from deploy.fabric.network import plan
from deploy.fabric.operator import NetworkOperator
from deploy.fabric.tools import FabricTools
from deploy.paths import FABRIC, FABRIC_BINARIES
from deploy.servers.ports import free_ports
from deploy.servers.postgresql import PostgreSQL
from deploy.servers.supervisor import Supervisor
from tests.support.environment import prepare
from tests.support.outbox.ledger_process import ROOT, LedgerInstallation

#: Operations that wait in the outbox under load: the next three transactions.
_WAITING = 3_000
_WARM_UP_JOBS, _WARM_UP_SECONDS = 2_000, 60
#: Jobs that are made for the measurement, by what the warm-up did.
_SURPLUS = 2


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured."""

    small: bool
    database: str
    seconds: int
    #: For the baseline, and for the times with little load.
    rounds: int


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The whole measurement."""

    at: str
    machine: Machine
    nodes: int
    database: str
    #: Under load: jobs, seconds, and how many operations waited, each five seconds.
    sustained: dict[str, Any]
    jobs_a_second: int
    #: By process, under load.
    processor_ms_a_job: dict[str, float]
    memory_mib: dict[str, int]
    #: The baseline.
    alone: dict[str, Any]
    times_the_baseline: float
    #: Milliseconds, with little load.
    finish_to_paid: dict[str, Any]
    seconds: float


class Outbox:
    """The process that feeds the outbox."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def ask(self, *command: object) -> Any:
        """Have a command done and return its answer."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self.process.stdin.write(" ".join(map(str, command)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"benchmark: {command[0]} failed")
        return json.loads(answer)


@contextmanager
def network(directory: Path, genesis: Path, *, small: bool) -> Iterator[NetworkOperator]:
    """Yield a new network whose ledger has begun."""
    operator = NetworkOperator(directory, FabricTools(directory=FABRIC_BINARIES), say)
    wanted = topology.read(FABRIC / "topology.toml", small=small)
    try:
        operator.up(lambda: plan(wanted, free_ports), genesis)
        yield operator
    finally:
        operator.down()


@contextmanager
def database(directory: Path, kind: str) -> Iterator[tuple[LedgerInstallation, dict[str, int]]]:
    """Yield an installation on a new database, and the processes of that."""
    if kind == "sqlite":
        yield LedgerInstallation.make(directory, database_url=f"sqlite:///{directory / 'portal.sqlite3'}"), {}
        return
    password = secrets.token_hex(16)
    server = PostgreSQL(directory=directory / "postgresql", port=free_ports(1)[0], user="chainfaas", password=password)
    with Supervisor(directory / "servers") as supervisor:
        running = supervisor.launch(server.program()).wait_ready()
        url = server.create_database("chainfaas")
        made = LedgerInstallation.make(directory, database_url=url, database_password=password)
        yield made, {"postgresql": running.process.pid}


@contextmanager
def outbox(installation: LedgerInstallation) -> Iterator[Outbox]:
    """Yield what feeds an installation's outbox."""
    command = [sys.executable, "-m", "benchmarks.outbox"]
    with subprocess.Popen(
        command, cwd=ROOT, env=installation.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Outbox(process)


def measure(wanted: Plan) -> Measured:
    """Return all figures of one network."""
    begun, found = time.monotonic(), machine()
    prepare()
    with tempfile.TemporaryDirectory(prefix="chainfaas-bench-") as name:
        directory = Path(name)
        # PostgreSQL runs as another user.
        directory.chmod(0o755)
        with database(directory, wanted.database) as (made, servers):
            genesis = directory / "keys" / "genesis.json"
            with network(directory / "network", genesis, small=wanted.small) as operator:
                profile = operator.places.root / "profiles" / "controller-recorder.json"
                on_fabric = {**made.environment, "CHAINFAAS_FABRIC_PROFILE": str(profile)}
                installation = replace(made, environment=on_fabric)
                figures = _figures(installation, operator, servers, wanted)
                nodes = len(operator.network().nodes)
    return Measured(
        at=today(),
        machine=found,
        nodes=nodes,
        database=wanted.database,
        **figures,
        seconds=round(time.monotonic() - begun, 1),
    )


def _figures(
    installation: LedgerInstallation, operator: NetworkOperator, servers: Mapping[str, int], wanted: Plan
) -> dict[str, Any]:
    with installation.ledger_process() as ledger, outbox(installation) as feeder:
        ledger.wait_well()
        pids = {**operator.daemons.running(), **servers, "recorder and follower": ledger.process.pid}
        pids["outbox's feeder"] = feeder.process.pid
        feeder.ask("open")
        alone = feeder.ask("alone", wanted.rounds)
        rate = _warmed_up(feeder)
        say(f"warm: {rate:.0f} jobs/s")
        feeder.ask("prepare", round(rate * wanted.seconds * _SURPLUS))
        before = processor_ms(pids)
        sustained = feeder.ask("sustain", wanted.seconds, _WAITING)
        after = processor_ms(pids)
        memory = memory_mib(pids)
        feeder.ask("finish")
        light = feeder.ask("light", wanted.rounds)
    jobs_a_second = sustained["jobs"] / sustained["seconds"]
    return {
        "sustained": sustained,
        "jobs_a_second": round(jobs_a_second),
        "processor_ms_a_job": {name: round((after[name] - before[name]) / sustained["jobs"], 3) for name in after},
        "memory_mib": memory,
        "alone": alone,
        "times_the_baseline": round(jobs_a_second / alone["jobs_a_second"], 1),
        "finish_to_paid": light,
    }


def _warmed_up(feeder: Outbox) -> float:
    feeder.ask("prepare", _WARM_UP_JOBS)
    done = feeder.ask("sustain", _WARM_UP_SECONDS, _WAITING)
    feeder.ask("finish")
    return float(done["jobs"] / done["seconds"])


def table(found: Measured) -> str:
    """Return the measurement as Markdown."""
    paid, waiting = found.finish_to_paid, found.sustained["waiting"]
    used = sorted(found.processor_ms_a_job.items(), key=lambda item: -item[1])
    lines = [
        conditions(
            found.at,
            found.machine,
            f"{found.nodes} nodes with CAs and chaincode servers",
            f"read model in {found.database}",
            f"{found.seconds:.0f} s in all",
        ),
        "",
        "| what | figure |",
        "| --- | ---: |",
        f"| whole jobs a second, over {found.sustained['seconds']:.0f} s | {found.jobs_a_second:,} |",
        f"| baseline: one transaction an operation, one after the other | {found.alone['jobs_a_second']:,} jobs/s |",
        f"| times the baseline | {found.times_the_baseline} |",
        (
            f"| operations waiting: first, last, most of {len(waiting)} samples "
            f"| {waiting[0]:,}, {waiting[-1]:,}, {max(waiting):,} |"
        ),
        (
            f"| finish → paid with little load, median / 90 % / 99 % "
            f"| {paid['median']:.0f} / {paid['p90']:.0f} / {paid['p99']:.0f} ms |"
        ),
        (
            f"| evaluate (query), median / 90 % "
            f"| {found.alone['evaluate']['median']} / {found.alone['evaluate']['p90']} ms |"
        ),
        "",
        "| process | processor ms a job | memory MiB |",
        "| --- | ---: | ---: |",
        *(f"| {name} | {cost:.2f} | {found.memory_mib[name]} |" for name, cost in used),
        f"| all of them | {sum(cost for _, cost in used):.2f} | |",
    ]
    return "\n".join(lines)


@click.command(cls=OperatorCommand, context_settings=SETTINGS)
@click.option("--small", is_flag=True, help="One orderer, and one peer an organisation.")
@click.option("--database", type=click.Choice(["postgresql", "sqlite"]), default="postgresql", show_default=True)
@click.option("--seconds", type=click.IntRange(5, 3_600), default=60, show_default=True, help="Under load.")
@click.option("--rounds", type=click.IntRange(5, 1_000), default=50, show_default=True, help="Jobs one by one.")
@reporting
def main(*, as_json: bool, write: bool, **wanted: Any) -> None:
    """Measure whole jobs on a Fabric network, from the outbox to the read model."""
    found = measure(Plan(**wanted))
    name = "fabric-small" if wanted["small"] else "fabric"
    report(name, asdict(found), table(found), as_json=as_json, write=write)


if __name__ == "__main__":
    main()
