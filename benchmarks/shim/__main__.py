"""Measures what a transaction costs a chaincode server, ours and the stock one: `benchmarks/run shim`.

One transaction at a time, with a peer that answers at once: the stock package stalls when there are several.
"""

import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.document import conditions, report, reporting, today
from benchmarks.processes import processor_ms
from benchmarks.shim.peer import Peer, Stalled
from benchmarks.summary import Machine, machine
from deploy.commands import SETTINGS, OperatorCommand
from deploy.paths import ROOT
from deploy.servers.ports import answers, free_ports
from deploy.servers.waiting import wait_for

STOCK = "fabric-chaincode-python==2.5.4"
_HERE = Path(__file__).parent
_WARM_UP = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The whole measurement."""

    at: str
    machine: Machine
    rows: list[dict[str, Any]]


def stock_python(directory: Path) -> Path:
    """Return a Python that has the stock package, from PyPI."""
    venv.create(directory, with_pip=True)
    python = directory / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", STOCK], check=True, timeout=600)
    return python


@contextmanager
def served(command: Sequence[str | Path]) -> Iterator[tuple[str, int]]:
    """Run a server on a port that the command gets; yield its address and process id."""
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    with subprocess.Popen(
        [*command, address], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_for("the server", lambda: answers(port), 30)
            yield address, process.pid
        finally:
            process.kill()


def measure(name: str, command: Sequence[str | Path], *, keys: int, transactions: int, gathers: bool) -> dict[str, Any]:
    """Return the processor time of a transaction, or after how many the server stalled."""
    with served(command) as (address, pid), Peer(address, gathers=gathers) as peer:
        wanted = [b"key-%d" % number for number in range(keys)]
        done = 0
        try:
            for _ in range(_WARM_UP):
                peer.run(wanted)
            before = processor_ms({name: pid})[name]
            for _ in range(transactions):
                peer.run(wanted)
                done += 1
        except Stalled as stalled:
            return {"server": name, "keys": keys, "transactions": done, "processor_ms": None, "stalled": str(stalled)}
        used = processor_ms({name: pid})[name] - before
    return {"server": name, "keys": keys, "transactions": done, "processor_ms": round(used / done, 2), "stalled": ""}


def measure_all(python: Path, transactions: int) -> list[dict[str, Any]]:
    """Return the figures of both servers, with one key and with a hundred a transaction."""
    ours = [sys.executable, "-m", "benchmarks.shim.ours"]
    stock = [python, _HERE / "stock.py"]
    rows = []
    for keys, count in ((1, transactions), (100, transactions // 20)):
        options: dict[str, Any] = {"keys": keys, "transactions": count}
        rows.append(measure("stock, as it is shipped", stock, gathers=False, **options))
        rows.append(measure("stock, its logging switched off", [*stock, "quiet"], gathers=False, **options))
        rows.append(measure("ours, message by message", ours, gathers=False, **options))
        rows.append(measure("ours, gathered", ours, gathers=True, **options))
    return rows


def table(found: Measured) -> str:
    """Return the measurement as Markdown."""
    lines = [
        conditions(found.at, found.machine),
        "",
        "| chaincode server | keys read and written a transaction | transactions | processor ms a transaction |",
        "| --- | ---: | ---: | ---: |",
    ]
    for row in found.rows:
        told = "stalled" if row["processor_ms"] is None else f"{row['processor_ms']:.2f}"
        lines.append(f"| {row['server']} | {row['keys']} | {row['transactions']} | {told} |")
    return "\n".join(lines)


@click.command(cls=OperatorCommand, context_settings=SETTINGS)
@click.option("--transactions", default=2000, show_default=True)
@reporting
def main(*, transactions: int, **told: bool) -> None:
    """Measure the processor time of a transaction in each chaincode server."""
    before = machine()
    with tempfile.TemporaryDirectory(prefix="chainfaas-") as directory:
        rows = measure_all(stock_python(Path(directory) / "stock"), transactions)
    found = Measured(at=today(), machine=before, rows=rows)
    report("shim", asdict(found), table(found), **told)


if __name__ == "__main__":
    main()
