"""The embedded ledger: whole jobs a second with every signature checked, as it grows, and how fast it is verified.

A whole job is create, receipt and confirm with its settlement. The baseline, in the same run, is the same ledger with
one operation a transaction.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from benchmarks.document import conditions, report, reporting, say, today
from benchmarks.processes import memory_mib
from benchmarks.summary import Machine, machine
from deploy.commands import SETTINGS, OperatorCommand
from ledger.embedded.ledger import EmbeddedReader
from ledger.embedded.verification import verify
from tests.support.embedded import Recorded
from tests.support.ledger import KEYS, OUTPUT, World, job_arguments, marketplace, receipt_jws
from wire.ledger.blocks import OperationStatus
from wire.ledger.operations import ConfirmResult, SubmitReceipt, operation_text

#: Whole jobs in one transaction: 999 operations, as many as the recorder sends at most.
BATCH = 333
_VERSION = "measured"
_BUDGET = 10**15
_ALONE = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """What the ledger did while it grew to a size."""

    jobs: int
    jobs_per_second: int
    jobs_per_cpu_second: int
    #: Of the process at the end of the stretch.
    memory_mib: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The whole measurement."""

    at: str
    machine: Machine
    growth: tuple[Stretch, ...]
    #: The baseline: one operation a transaction.
    alone_jobs_per_second: int
    verified_operations_per_second: int
    bytes_per_job: int
    seconds: float


def operations(first: int, count: int) -> Iterator[str]:
    """Yield the operations of whole jobs, the ids spread as random ones are."""
    for number in range(first, first + count):
        job_id = f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}-1"
        receipt = receipt_jws(job_id, run_ms=1000)
        confirmation = ConfirmResult(job_id=job_id, output_digest=OUTPUT, observed_ms=1000)
        created = job_arguments(job_id, version_id=_VERSION, max_ms=1000, price_nano_per_ms=100)
        yield operation_text(f"job.create:{job_id}", created)
        yield operation_text(f"job.receipt:{job_id}", SubmitReceipt(job_id=job_id, receipt=receipt))
        yield operation_text(f"job.confirm:{job_id}", confirmation)


def measure(jobs: int, stretches: int) -> Measured:
    """Let a new ledger grow, and verify it."""
    begun = time.monotonic()
    found = machine()
    with tempfile.TemporaryDirectory(prefix="chainfaas-bench-") as folder:
        path = Path(folder) / "ledger.sqlite3"
        recorded = Recorded(path)
        world = marketplace(World(ledger=recorded))
        world.mint("bob", 10**12)
        world.deposit("bob", 10**12)
        world.publish(_VERSION, "bob", budget_micro_per_day=_BUDGET)
        alone = _rate(lambda: _submit(world, 0, _ALONE, together=1), _ALONE)[0]
        growth: list[Stretch] = []
        done = _ALONE
        batches = max(1, jobs // stretches // BATCH)
        for _ in range(stretches):
            wall, processor = _grow(world, done, batches)
            done += batches * BATCH
            memory = memory_mib({"ledger": os.getpid()})["ledger"]
            growth.append(Stretch(jobs=done, jobs_per_second=wall, jobs_per_cpu_second=processor, memory_mib=memory))
            say(f"{done} jobs: {wall} jobs/s, {processor} jobs per CPU second, {memory} MiB")
        since = time.monotonic()
        verified = verify(EmbeddedReader(recorded.ledger), recorded.ledger.genesis, _tell)
        return Measured(
            at=today(),
            machine=found,
            growth=tuple(growth),
            alone_jobs_per_second=alone,
            verified_operations_per_second=round(verified.operations / (time.monotonic() - since)),
            bytes_per_job=path.stat().st_size // done,
            seconds=round(time.monotonic() - begun, 1),
        )


def _tell(proved: int, height: int) -> None:
    """Tell how far the proof is, each tenth of it."""
    if proved * 10 // height > (proved - 1) * 10 // height:
        say(f"{proved} of {height} blocks are verified")


def _grow(world: World, first: int, batches: int) -> tuple[int, int]:
    """Return jobs a second and a CPU second; making and signing the receipts is not the ledger's work."""
    wall = processor = 0.0
    for number in range(batches):
        texts = list(operations(first + number * BATCH, BATCH))
        since, cpu_since = time.monotonic(), time.process_time()
        _run(world, texts)
        wall += time.monotonic() - since
        processor += time.process_time() - cpu_since
    count = batches * BATCH
    return round(count / wall), round(count / processor)


def _submit(world: World, first: int, count: int, *, together: int) -> None:
    texts = list(operations(first, count))
    for start in range(0, len(texts), together):
        _run(world, texts[start : start + together])


def _run(world: World, texts: list[str]) -> None:
    outcome = world.ledger.run(KEYS.controller.public.key_id, world.now_ms, texts)
    refused = [item for item in outcome.results if item.status is not OperationStatus.APPLIED]
    if refused:
        raise click.ClickException(f"{len(refused)} operations were not applied, the first: {refused[0]}")


def _rate(work: Callable[[], None], count: int) -> tuple[int, int]:
    since, cpu_since = time.monotonic(), time.process_time()
    work()
    return round(count / (time.monotonic() - since)), round(count / max(time.process_time() - cpu_since, 1e-9))


def table(found: Measured) -> str:
    """Return the measurement as Markdown."""
    lines = [
        conditions(found.at, found.machine, f"{found.seconds:.0f} s in all"),
        "",
        "| jobs on the ledger | whole jobs a second | per CPU second | times the baseline | memory MiB |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    baseline = found.alone_jobs_per_second
    lines += [
        f"| {row.jobs:,} | {row.jobs_per_second:,} | {row.jobs_per_cpu_second:,} "
        f"| {row.jobs_per_second / baseline:.1f} | {row.memory_mib} |"
        for row in found.growth
    ]
    lines += [
        "",
        f"Baseline, one operation a transaction: {baseline:,} whole jobs a second.",
        f"Verifying from the first block: {found.verified_operations_per_second:,} operations a second.",
        f"The file holds {found.bytes_per_job:,} bytes a job.",
    ]
    return "\n".join(lines)


@click.command(cls=OperatorCommand, context_settings=SETTINGS)
@click.option("--jobs", type=click.IntRange(1_000, 2_000_000), default=20_000, show_default=True)
@click.option("--stretches", type=click.IntRange(1, 50), default=5, show_default=True, help="Rows of the table.")
@reporting
def main(*, jobs: int, stretches: int, **told: bool) -> None:
    """Measure the embedded ledger: jobs a second as it grows, and how fast it is verified."""
    found = measure(jobs, stretches)
    report("ledger", asdict(found), table(found), **told)


if __name__ == "__main__":
    main()
